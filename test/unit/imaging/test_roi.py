# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.imaging.roi import Roi


@pytest.mark.parametrize(
    ('sides', 'size', 'rows', 'columns'),
    [
        ((0.0, 0.0, 1.0, 1.0), (480, 640), (0, 480), (0, 640)),
        ((0.25, 0.5, 0.75, 1.0), (480, 640), (240, 480), (160, 480)),
        ((0.0, 1 / 3, 1.0, 2 / 3), (480, 640), (160, 320), (0, 640)),
        # At least a pixel, and none outside.
        ((0.999, 0.0, 1.0, 0.001), (10, 10), (0, 1), (9, 10)),
        ((0.0, 0.5, 1.0, 0.50001), (7, 1), (4, 5), (0, 1)),
    ],
)
def test_whole_pixels_of_images_of_any_size(sides, size, rows, columns):
    roi = Roi(*sides)
    assert roi.slices(size) == (slice(*rows), slice(*columns))
    assert roi.size(size) == (rows[1] - rows[0], columns[1] - columns[0])


@pytest.mark.parametrize(
    'sides',
    [(0.5, 0.0, 0.5, 1.0), (0.0, 0.9, 1.0, 0.1), (-0.1, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.1),
     (0.0, math.nan, 1.0, 1.0), (0.0, 0.0, math.inf, 1.0)],
)  # fmt: skip
def test_what_is_no_part_of_an_image_is_refused(sides):
    with pytest.raises(ConfigError, match='as fractions of the image, 0 <= left'):
        Roi(*sides)
