# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costs and scans from above, against pixels that are calculated by hand."""

import math

import numpy as np
import pytest
from rtformer_ros.drawing.ground_picture import (
    BOUNDARY_RGB,
    cost_color,
    CostGrid,
    draw_costs,
    draw_free_rays,
    FREE_RAYS_RGB,
    GroundWindow,
    mark_metres,
    mark_points,
    RangeScan,
    ROBOT_RGB,
    UNKNOWN_RGB,
)
from rtformer_ros.errors import ImageError

# 40 pixels a metre: row = (10 - x) * 40, column = (5.5 - y) * 40.
WINDOW = GroundWindow(ahead_m=10, behind_m=1, side_m=5.5, height_px=440)
CELLS, RESOLUTION_M, ORIGIN_M = 160, 0.1, -8.0
DEGREE = math.pi / 180


def grid(cost=0):
    costs = np.full((CELLS, CELLS), cost, np.int8)
    return CostGrid(costs, RESOLUTION_M, (ORIGIN_M, ORIGIN_M))


def cell(metres):
    return round((metres - ORIGIN_M) / RESOLUTION_M)


def is_color(picture, color):
    return (picture == color).all(-1)


def test_an_obstacle_lies_at_its_place():
    free = grid()
    # x from 5.0 to 5.1 m, y from -2.0 to -1.9 m: ahead, and to the right.
    free.costs_hw[cell(-2.0), cell(5.0)] = 100
    picture = draw_costs(free, WINDOW)
    assert picture.shape == (440, 440, 3)
    found = np.argwhere(is_color(picture, cost_color(100)))
    assert found.min(axis=0).tolist() == [(10 - 5.1) * 40, (5.5 + 1.9) * 40]
    assert found.max(axis=0).tolist() == [(10 - 5.0) * 40 - 1, (5.5 + 2.0) * 40 - 1]
    assert len(found) == 4 * 4


def test_what_the_grid_does_not_tell_is_unknown():
    known = grid(50)
    known.costs_hw[cell(1.0) :] = -1
    unknown = is_color(draw_costs(known, WINDOW), UNKNOWN_RGB)
    expected = np.zeros((440, 440), bool)
    expected[: (10 - 8) * 40] = True  # beyond the grid's 8 m
    expected[:, : round((5.5 - 1.0) * 40)] = True  # y >= 1 m is to the left
    np.testing.assert_array_equal(unknown, expected)


def test_the_dearer_the_darker():
    brightness = [np.dot(cost_color(cost), (0.3, 0.6, 0.1)) for cost in (0, 40, 70, 100)]
    colors = {cost_color(cost) for cost in range(-1, 101)}
    assert brightness[0] > brightness[2] > brightness[3]
    assert brightness[1] > brightness[2]
    assert len(colors) > 95


def test_free_rays_end_at_boundaries_and_at_the_range():
    # Bearings of 20, 0 and -20 degrees: a boundary, free, and nothing known.
    ranges = np.array([math.nan, math.inf, 4.0], np.float32)
    scan = RangeScan(ranges, -20 * DEGREE, 20 * DEGREE, 8.0)
    is_free = is_color(draw_free_rays(scan, WINDOW), FREE_RAYS_RGB)

    def free_at(range_m, bearing):
        x_m, y_m = range_m * math.cos(bearing), range_m * math.sin(bearing)
        return bool(is_free[int((10 - x_m) * 40), int((5.5 - y_m) * 40)])

    assert [free_at(r, 20 * DEGREE) for r in (0.5, 3.8, 4.2)] == [True, True, False]
    assert [free_at(r, 0.0) for r in (0.5, 4.2, 7.8, 8.2)] == [True, True, True, False]
    assert [free_at(r, -21 * DEGREE) for r in (0.5, 4.0)] == [False, False]


def test_the_points_of_a_scan_lie_on_the_boundary():
    wall = grid()
    wall.costs_hw[:, cell(6.0) :] = 100
    bearings = np.arange(-30, 31, 10) * DEGREE
    scan = RangeScan((6 / np.cos(bearings)).astype(np.float32), bearings[0], 10 * DEGREE, 9.0)
    canvas = draw_costs(wall, WINDOW)
    mark_points(canvas, WINDOW.pixels(scan.boundary_m2))
    rows, columns = np.nonzero(is_color(canvas, BOUNDARY_RGB))
    # Each dot covers two pixels or so around its middle, on the edge of the wall.
    assert rows.mean() + 0.5 == pytest.approx((10 - 6) * 40, abs=0.6)
    assert np.ptp(rows) <= 4
    middles = [(5.5 - 6 * math.tan(bearing)) * 40 for bearing in bearings]
    distance = np.abs(columns[:, np.newaxis] + 0.5 - middles)
    assert distance.min(axis=1).max() <= 2.5
    assert set(distance.argmin(axis=1)) == set(range(7))


def test_what_is_no_boundary_is_no_point():
    ranges = np.array([math.nan, math.inf, 2.0], np.float32)
    scan = RangeScan(ranges, -90 * DEGREE, 90 * DEGREE, 8.0)
    np.testing.assert_allclose(scan.boundary_m2, [[0.0, 2.0]], atol=1e-6)


def test_metres_can_be_read_off():
    canvas = np.full((440, 440, 3), 255, np.uint8)
    mark_metres(canvas, WINDOW)
    # Away from texts and robot: lines 10, 5 and 0 m ahead, at 0 and 5 m to both sides.
    assert np.flatnonzero((canvas[:, 330] < 200).all(-1)).tolist() == [0, 200, 400]
    assert np.flatnonzero((canvas[300] < 200).all(-1)).tolist() == [20, 220, 420]
    robot = np.argwhere(is_color(canvas, ROBOT_RGB))
    assert robot.mean(axis=0) == pytest.approx([(10 - 0) * 40, 5.5 * 40], abs=4)
    # It is narrow in front.
    widths = np.bincount(robot[:, 0] - robot[:, 0].min())
    assert widths[:4].max() < widths[-4:].min()


def test_a_window_without_ground():
    with pytest.raises(ImageError, match='expected more than 0'):
        GroundWindow(ahead_m=-2, behind_m=1, side_m=5, height_px=100)
