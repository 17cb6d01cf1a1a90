# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

from ground_scene import BOX, Extrinsics, GROUND, PINHOLE, Scene, scene_name, SCENES, SKY
from ground_views import GROUPS, PATH, sure, view_of
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.costmap import (
    CostmapMemory,
    CostmapProjection,
    CostmapSettings,
    GroupCosts,
)
from rtformer_ros.geometry.grids.placed_grid import PlacedGrid

EMPTY = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ())


def centres(settings):
    """x, y of the cells' centres, [cells, cells, 2]: row along y, column along x."""
    along_m = (np.arange(settings.cells) + 0.5) * settings.resolution_m - settings.size_m / 2
    return np.stack(np.meshgrid(along_m, along_m), axis=-1)


def around(cells, reach_m):
    """Each cell's centre and 8 points around it, [..., 9, 2]."""
    steps = np.array([-reach_m, 0.0, reach_m])
    return cells[..., None, :] + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(9, 2)


@pytest.mark.parametrize(('scene', 'cell_m'), SCENES, ids=scene_name)
def test_cells_are_free_occupied_or_unknown_as_the_boxes_say(scene, cell_m):
    settings = CostmapSettings(size_m=32.0, resolution_m=cell_m, obstacle_depth_m=3 * cell_m)
    costs = CostmapProjection(view_of(scene), settings, GROUPS).costs(sure(scene.class_map()))
    x_m, y_m = np.moveaxis(centres(settings), -1, 0)
    is_tried = (np.hypot(x_m, y_m) < 15.0) & (x_m > 1.0)
    points = around(centres(settings)[is_tried], 1.5 * cell_m)
    costs_n = costs[is_tried]
    in_image, clear = scene.is_in_image(points), scene.is_clear(points)
    free = (in_image & clear).all(axis=-1)
    out_of_sight = ~in_image.any(axis=-1)
    assert (costs_n[free] == 0).all()
    assert (costs_n[out_of_sight] == -1).all()

    # The same points as much nearer to the camera as an obstacle is drawn thick.
    offset = points - [scene.extrinsics.forward_m, 0.0]
    towards = -offset / np.linalg.norm(offset, axis=-1, keepdims=True)
    nearer = points + towards * (settings.obstacle_depth_m + 2 * cell_m)
    hidden = (in_image & ~clear & scene.is_in_image(nearer) & ~scene.is_clear(nearer)).all(axis=-1)
    assert (costs_n[hidden] == -1).all()

    # A cell that holds the middle part of a box's front, to which the view is clear.
    before = points + towards * 4 * cell_m
    at_front = _holds_a_front(scene, points[:, 4], cell_m) & in_image.all(axis=-1)
    at_front &= (scene.is_clear(before) & scene.is_in_image(before)).all(axis=-1)
    for row, column in np.argwhere(is_tried)[at_front]:
        assert costs[row - 1 : row + 2, column - 1 : column + 2].max() == 100
    assert free.sum() > 300
    assert hidden.sum() > 10
    assert at_front.sum() >= 2


def _holds_a_front(scene, cells_n2, cell_m):
    x_m, y_m = cells_n2.T
    fronts = [
        (np.abs(x_m - x0) <= cell_m / 2) & (y0 + cell_m < y_m) & (y_m < y1 - cell_m)
        for x0, _, y0, y1, _ in scene.boxes
    ]
    return np.any(fronts, axis=0)


SMALL = CostmapSettings(size_m=16.0, resolution_m=0.1)


def costs_of(class_map_hw, scene=EMPTY, confidence=255, **settings):
    settings = dataclasses.replace(SMALL, **settings)
    projection = CostmapProjection(view_of(scene), settings, GROUPS)
    return projection.costs(sure(class_map_hw, confidence))


def test_a_single_pixel_is_not_overlooked():
    view, projection = view_of(EMPTY), CostmapProjection(view_of(EMPTY), SMALL, GROUPS)
    class_map_hw = EMPTY.class_map()
    inside = (np.abs(view.points_hw2) < 7.9).all(axis=-1)
    rows, columns = np.nonzero(inside)
    for place in np.random.default_rng(5).choice(len(rows), 30, replace=False):
        row, column = rows[place], columns[place]
        corrupted = class_map_hw.copy()
        corrupted[row, column] = BOX
        x_m, y_m = view.points_hw2[row, column]
        cell = int((y_m + 8.0) // 0.1), int((x_m + 8.0) // 0.1)
        assert projection.costs(sure(corrupted))[cell] == 100
        assert projection.costs(sure(class_map_hw))[cell] == 0


def test_cells_smaller_than_a_pixel_have_no_holes():
    settings = CostmapSettings(size_m=30.0, resolution_m=0.05)
    costs = CostmapProjection(view_of(EMPTY), settings, GROUPS).costs(sure(EMPTY.class_map()))
    in_image = EMPTY.is_in_image(around(centres(settings), 0.05)).all(axis=-1)
    assert in_image.sum() > 40_000
    assert (costs[in_image] == 0).all()


@pytest.mark.parametrize(
    ('class_id', 'confidence', 'cost'),
    [
        *((GROUND, 255, 0), (GROUND, 51, 40), (BOX, 255, 100), (BOX, 51, 60), (PATH, 255, 30)),
        *((SKY, 255, -1), (255, 255, -1)),
    ],
)
def test_costs_are_weighted_with_the_confidence(class_id, confidence, cost):
    # p * cost + (1 - p) * 50, with p = 0.2 for 51.
    seen = costs_of(np.full((480, 640), class_id, np.uint8), confidence=confidence)
    foot = seen.shape[0] // 2, int((8 + 3.05) / 0.1)
    far = seen.shape[0] // 2, int((8 + 7.05) / 0.1)
    if class_id == BOX:
        # One obstacle from the nearest ground in sight on: hidden after its drawn depth.
        values = seen[foot[0]]
        first = np.argmax(values >= 0)
        assert (values[first : first + 3] == cost).all()
        assert (values[first + 4 :] == -1).all()
    else:
        assert seen[foot] == seen[far] == cost


def test_costs_confidence_limit_and_depth_are_settings():
    ground = np.full((480, 640), GROUND, np.uint8)
    assert costs_of(ground, confidence=100, min_confidence=0.5).max() == -1
    assert costs_of(ground, confidence=100, min_confidence=0.3).max() == 30
    assert costs_of(ground, costs=GroupCosts(drivable=7)).max() == 7
    assert costs_of(ground, confidence=0, uncertain_cost=80).max() == 80
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((4.0, 4.5, -2.0, 2.0, 1.2),))
    for depth_m in (0.2, 1.0):
        row = costs_of(scene.class_map(), scene, obstacle_depth_m=depth_m)[80]
        assert abs((row == 100).sum() * 0.1 - depth_m) < 0.21


def test_ground_behind_a_low_box_is_seen_again():
    # Seen from 1.5 m, a box of 0.5 m whose back is at 3.5 m hides up to 3.5 * 1.5 / 1.0 = 5.25 m.
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((3.0, 3.5, -2.0, 2.0, 0.5),))
    x_m = centres(SMALL)[80, :, 0]
    row = costs_of(scene.class_map(), scene)[80]
    assert (row[(x_m > 5.4) & (x_m < 7.9)] == 0).all()
    assert (row[(x_m > 3.5) & (x_m < 5.1)] == -1).all()
    assert (row[(x_m > 3.0) & (x_m < 3.2)] == 100).all()


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match='cells a side'):
        CostmapSettings(size_m=1000.0, resolution_m=0.1)
    with pytest.raises(ConfigError, match='cost of obstacle is 101'):
        GroupCosts(obstacle=101)


def grid(*costs):
    return PlacedGrid(np.array([costs], np.int8))


def test_a_missed_obstacle_fades_and_a_hidden_cell_is_kept_for_the_time_of_decay():
    memory = CostmapMemory(2.0)
    np.testing.assert_array_equal(
        memory.blend(grid(100, 100, 0, -1), 10.0).costs_hw, [[100, 100, 0, -1]]
    )
    # The first is seen free, the others are out of sight.
    for time_s in (11.0, 11.9):
        left = round(100 * math.exp(-(time_s - 10.0) / 2.0))
        costs = memory.blend(grid(0, -1, -1, -1), time_s).costs_hw
        np.testing.assert_array_equal(costs, [[left, 100, 0, -1]])
    costs = memory.blend(grid(0, -1, -1, 30), 12.1).costs_hw
    np.testing.assert_array_equal(costs[0, 1:], [-1, -1, 30])
    assert memory.blend(grid(0, -1, -1, 30), 30.0).costs_hw[0, 0] == 0


def test_a_higher_cost_counts_at_once():
    memory = CostmapMemory(5.0)
    memory.blend(grid(0, -1), 0.0)
    np.testing.assert_array_equal(memory.blend(grid(80, 60), 0.1).costs_hw, [[80, 60]])


def test_another_grid_or_a_time_that_goes_back_or_stands_still_starts_anew():
    memory = CostmapMemory(5.0)
    for time_s in (9.0, 10.0):
        memory.blend(grid(100, 100), 10.0)
        np.testing.assert_array_equal(memory.blend(grid(-1, 0), time_s).costs_hw, [[-1, 0]])
    memory.blend(grid(100, 100), 10.0)
    np.testing.assert_array_equal(memory.blend(grid(-1, 0, 5), 10.1).costs_hw, [[-1, 0, 5]])


def test_a_decay_of_nothing_is_refused():
    with pytest.raises(ConfigError, match='more than 0'):
        CostmapMemory(0.0)
