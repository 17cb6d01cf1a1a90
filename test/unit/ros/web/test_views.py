# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What messages become as pictures of the web page."""

from array import array
import itertools

import cv2
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from rtformer_ros.errors import GeometryError, ImageError
from rtformer_ros.ros.web.published_state import as_json
from rtformer_ros.ros.web.views import draw_jpeg, plane, VIEWS
from sensor_msgs.msg import Image

PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[:3] = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


def mono8(ids_hw, padding=0):
    height, width = ids_hw.shape
    rows = np.pad(ids_hw, ((0, 0), (0, padding)), constant_values=9)
    return Image(
        height=height, width=width, encoding='mono8', step=width + padding,
        data=array('B', rows.tobytes()),
    )  # fmt: skip


def drawn(view, message, width=640):
    data = serialize_message(message)
    jpeg = draw_jpeg(VIEWS[view], type(message), data, PALETTE, width, 95)
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_a_mask_has_the_colours_of_its_classes():
    ids = np.repeat(np.repeat(np.array([[0, 1], [2, 0]], np.uint8), 32, 0), 32, 1)
    picture = drawn('mask', mono8(ids))
    assert np.abs(picture.astype(int) - PALETTE[ids])[8:24, 8:24].max() < 12
    assert np.abs(picture.astype(int) - PALETTE[ids])[40:56, 8:24].max() < 12


def test_row_padding_is_left_out():
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(plane(mono8(ids, padding=5)), ids)


def test_a_wide_picture_is_made_narrower_and_keeps_its_shape():
    assert drawn('mask', mono8(np.zeros((100, 400), np.uint8)), width=200).shape == (50, 200, 3)


def test_an_unknown_costmap_and_a_free_one_look_different():
    grid = OccupancyGrid()
    grid.info.width = grid.info.height = 20
    grid.info.resolution = 1.0
    grid.info.origin.position.x = grid.info.origin.position.y = -10.0
    means = []
    for cost in (-1, 0, 100):
        grid.data = array('b', [cost] * 400)
        means.append(drawn('costmap', grid).mean(axis=(0, 1)))
    assert all(np.abs(a - b).max() > 20 for a, b in itertools.pairwise(means))


def grid_of(costs_hw, x_m, resolution_m=1.0):
    grid = OccupancyGrid()
    grid.info.height, grid.info.width = costs_hw.shape
    grid.info.resolution = resolution_m
    grid.info.origin.position.x = grid.info.origin.position.y = x_m - costs_hw.shape[0] / 2
    grid.data = array('b', costs_hw.tobytes())
    return grid


@pytest.mark.parametrize('robot_m', [-30.0, 40.0, 500_000.0])
def test_a_costmap_in_a_fixed_frame_is_seen_from_the_robot(robot_m):
    costs = np.zeros((20, 20), np.int8)
    costs[:, 15:] = 100
    picture = drawn('costmap', grid_of(costs, robot_m))
    np.testing.assert_array_equal(picture, drawn('costmap', grid_of(costs, 0.0)))


@pytest.mark.parametrize('resolution_m', [0.0, -1.0, float('nan'), 1e6])
def test_a_costmap_of_no_size_is_told(resolution_m):
    with pytest.raises(GeometryError, match='expected more than 0'):
        drawn('costmap', grid_of(np.zeros((20, 20), np.int8), 0.0, resolution_m))


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(ImageError, match='expected mono8'):
        plane(Image(height=4, width=4, step=4, encoding='rgb8', data=array('B', bytes(16))))
    with pytest.raises(ImageError, match='3 bytes'):
        plane(Image(height=4, width=4, step=4, encoding='mono8', data=array('B', bytes(3))))
    with pytest.raises(GeometryError, match='0 x 0'):
        drawn('costmap', OccupancyGrid())
    grid = grid_of(np.zeros((20, 20), np.int8), 0.0)
    grid.data = grid.data[:-1]
    with pytest.raises(GeometryError, match='with 399 costs'):
        drawn('costmap', grid)


def test_what_is_not_finite_is_null_for_browsers():
    assert as_json({'a': [1.5, float('nan'), float('-inf')]}) == '{"a": [1.5, null, null]}'
