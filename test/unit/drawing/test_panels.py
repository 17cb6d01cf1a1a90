# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, draw_panels, GAP_PX
from rtformer_ros.errors import ImageError


def test_pictures_stand_side_by_side_under_their_captions():
    rng = np.random.default_rng(8)
    first, second = (rng.integers(0, 200, (h, 90, 3), dtype=np.uint8) for h in (40, 30))
    drawn = draw_panels([('input', first), ('', second)])
    assert drawn.shape == (CAPTION_HEIGHT_PX + 40, 180 + GAP_PX, 3)
    np.testing.assert_array_equal(drawn[CAPTION_HEIGHT_PX:, :90], first)
    np.testing.assert_array_equal(drawn[CAPTION_HEIGHT_PX:-10, 90 + GAP_PX :], second)
    assert (drawn[:, 90 : 90 + GAP_PX] == 255).all()
    assert (drawn[-10:, 90:] == 255).all()
    captions = drawn[:CAPTION_HEIGHT_PX]
    assert captions[:, :90].min() < 100
    assert (captions[:, 90:] == 255).all()


def test_nothing_to_draw():
    with pytest.raises(ImageError, match='no picture'):
        draw_panels([])
