# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.drawing.legend import draw_legend, ROW_HEIGHT_PX
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.labels.palette import palette_rgb

LABELS = LabelSet(
    'three',
    (
        LabelClass('road', (128, 64, 128)),
        LabelClass('a much longer name', (255, 0, 0)),
        LabelClass('vélo', (0, 200, 0)),
    ),
)
PALETTE = palette_rgb(LABELS)


def count_pixels(image, color):
    return int((image == color).all(axis=-1).sum())


@pytest.mark.parametrize('class_ids', [None, [2, 0], [1]])
def test_each_row_shows_its_class_colour_and_some_text(class_ids):
    legend = draw_legend(LABELS, PALETTE, class_ids)
    ids = [0, 1, 2] if class_ids is None else class_ids
    assert legend.dtype == np.uint8
    assert legend.shape[0] == ROW_HEIGHT_PX * len(ids)
    for row, class_id in enumerate(ids):
        band = legend[row * ROW_HEIGHT_PX : (row + 1) * ROW_HEIGHT_PX]
        assert count_pixels(band, PALETTE[class_id]) >= 100
        others = [other for other in range(3) if other != class_id]
        assert not any(count_pixels(band, PALETTE[other]) for other in others)
        text = band[:, 30:]
        assert text.min() < 100
        # No letter touches the right edge: the name is not cut off.
        assert (text[:, -4:] == 255).all()


def test_the_longest_name_sets_the_width():
    narrow, wide = (draw_legend(LABELS, PALETTE, [i]).shape[1] for i in (0, 1))
    assert draw_legend(LABELS, PALETTE).shape[1] == wide > narrow


@pytest.mark.parametrize('class_ids', [[], [3], [-1]])
def test_unknown_classes_are_refused(class_ids):
    with pytest.raises(ConfigError, match='expected one or more of 0 to 2'):
        draw_legend(LABELS, PALETTE, class_ids)
