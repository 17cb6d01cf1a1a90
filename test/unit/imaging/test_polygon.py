# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Polygons as masks against the half planes of their edges, and what is none."""

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.imaging.polygon import polygon_mask, read_polygon


def half_planes(corners, height, width):
    """Return the pixels whose centre is on the right of all edges, for corners clockwise."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    inside = np.ones((height, width), bool)
    scaled = [(corner_x * width, corner_y * height) for corner_x, corner_y in corners]
    for (x0, y0), (x1, y1) in zip(scaled, [*scaled[1:], scaled[0]], strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0
    return inside


@pytest.mark.parametrize('size', [(48, 64), (7, 13), (1, 40)])
@pytest.mark.parametrize(
    'corners',
    [
        ((0.31, 0.52), (0.69, 0.52), (0.97, 0.99), (0.03, 0.99)),
        ((0.5, 0.013), (0.99, 0.71), (0.02, 0.93)),
        ((0.013, 0.011), (0.987, 0.011), (0.987, 0.989), (0.013, 0.989)),
    ],
)
def test_pixels_are_those_whose_centre_is_inside(corners, size):
    polygon = read_polygon('p', [value for corner in corners for value in corner])
    assert polygon == corners
    assert np.array_equal(polygon_mask(polygon, *size), half_planes(corners, *size))


def test_no_corners_are_the_whole_image():
    assert polygon_mask(read_polygon('p', []), 3, 5).tolist() == [[1] * 5] * 3


def test_one_that_is_not_convex_leaves_its_notch_out():
    notched = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.5, 0.5, 0.0, 1.0]
    mask = polygon_mask(read_polygon('p', notched), 40, 40)
    y, x = np.mgrid[0:40, 0:40] + 0.5
    in_notch = y - 20 > np.abs(x - 20)
    assert mask[in_notch].max() == 0
    assert mask[(y - 20 < np.abs(x - 20))].min() == 1


@pytest.mark.parametrize(
    ('corners', 'reason'),
    [
        ([0.0, 0.0, 1.0], 'even'),
        ([0.0, 0.0, 1.0, 1.0], '3 to 64'),
        ([0.0, 0.0, 2.0, 0.0, 1.0, 1.0], 'fractions'),
        ([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0], 'crosses itself'),
    ],
)
def test_what_is_no_polygon_is_refused(corners, reason):
    with pytest.raises(ConfigError, match=reason):
        read_polygon('coverage.polygon', corners)
