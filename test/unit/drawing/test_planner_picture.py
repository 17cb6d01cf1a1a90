# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The picture for planners: the same metres in the camera's image and on the ground."""

from dataclasses import replace

import numpy as np
import pytest
from rtformer_ros.drawing.ground_picture import (
    BOUNDARY_RGB,
    cost_color,
    CostGrid,
    FREE_RAYS_RGB,
    RangeScan,
)
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, GAP_PX
from rtformer_ros.drawing.planner_picture import (
    BEHIND_M,
    describe_camera,
    draw_planner_picture,
    ground_window,
    PANEL_HEIGHT_PX,
    PlannerOutputs,
)
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose

HEIGHT_M, FOCAL_PX = 1.5, 600.0
CAMERA = CameraModel(960, 1280, (FOCAL_PX, 0, 639.5, 0, FOCAL_PX, 479.5, 0, 0, 1))
WALL_M = 8.0
BEARINGS = np.linspace(-0.5, 0.5, 101)
PANEL_ROWS = slice(CAPTION_HEIGHT_PX, CAPTION_HEIGHT_PX + PANEL_HEIGHT_PX)


@pytest.fixture(scope='module')
def outputs():
    """Return a wall across the way, seen by a camera that looks straight ahead."""
    costs = np.zeros((300, 300), np.int8)
    costs[:, round((WALL_M + 15) / 0.1) :] = 100
    ranges = (WALL_M / np.cos(BEARINGS)).astype(np.float32)
    scan = RangeScan(ranges, BEARINGS[0], BEARINGS[1] - BEARINGS[0], 15.0)
    pose = CameraPose.from_angles(HEIGHT_M)
    return PlannerOutputs(CostGrid(costs, 0.1, (-15.0, -15.0)), scan, CAMERA, pose)


def row_of(ahead_m, height_m=HEIGHT_M):
    """Row in the panel, half as high as the camera's image: flat ground, pinhole."""
    return 239.5 + FOCAL_PX / 2 * height_m / ahead_m


def is_color(picture, color):
    return (picture == color).all(-1)


def test_boundary_and_metres_lie_in_the_image_where_the_camera_sees_them(outputs):
    overlay = np.full((960, 1280, 3), 120, np.uint8)
    panel = draw_planner_picture(overlay, outputs)[PANEL_ROWS, :640]
    rows = np.nonzero(is_color(panel, BOUNDARY_RGB))[0]
    assert rows.mean() == pytest.approx(row_of(WALL_M), abs=1)
    # Left of the lines' names.
    lines = np.flatnonzero((panel[:, 100:500].min(axis=-1) > 180).mean(axis=1) > 0.9)
    distance = np.abs(lines[:, np.newaxis] - [row_of(ahead_m) for ahead_m in (5, 10, 15)])
    assert distance.min(axis=0).max() < 1
    assert distance.min(axis=1).max() < 2


def test_names_of_lines_never_cover_each_other(outputs):
    # From 12 cm above the ground all three lines lie within 12 rows.
    low = replace(outputs, pose=CameraPose.from_angles(0.12))
    panel = draw_planner_picture(np.full((480, 640, 3), 120, np.uint8), low)[PANEL_ROWS, :640]
    named = np.flatnonzero((panel[:, 600:635].min(axis=-1) > 180).mean(axis=1) > 0.5)
    assert len(named) > 10
    # One name, over its line 5 m ahead, and the lines of the other two.
    assert row_of(5, 0.12) - 16 < named.min()
    assert named.max() == pytest.approx(row_of(5, 0.12), abs=1)


def test_the_wall_lies_in_both_panels_at_its_distance(outputs):
    overlay = np.full((480, 640, 3), 120, np.uint8)
    picture = draw_planner_picture(overlay, outputs)
    window = ground_window(outputs.grid)
    assert window.width_px == PANEL_HEIGHT_PX
    assert window.px_per_m == pytest.approx(480 / (15 + BEHIND_M))
    edge = (15 - WALL_M) * window.px_per_m
    left = 640 + GAP_PX
    costs = picture[PANEL_ROWS, left : left + window.width_px]
    is_occupied = is_color(costs, cost_color(100)).any(axis=1)
    assert np.flatnonzero(is_occupied).max() + 1 == pytest.approx(edge, abs=1)
    left += window.width_px + GAP_PX
    rays = picture[PANEL_ROWS, left : left + window.width_px]
    # Between the captions of the metres, which are at the sides.
    rows = np.nonzero(is_color(rays[:, 100:380], BOUNDARY_RGB))[0]
    assert rows.mean() + 0.5 == pytest.approx(edge, abs=1)


def test_ground_out_of_sight_is_unseen_in_both_panels(outputs):
    overlay = np.full((480, 640, 3), 120, np.uint8)
    unseen = replace(outputs.grid, costs_hw=np.full((300, 300), -1, np.int8))
    free = replace(outputs.scan, ranges_m=np.full(101, np.inf, np.float32))
    picture = draw_planner_picture(overlay, replace(outputs, grid=unseen, scan=free))
    window = ground_window(outputs.grid)
    left = 640 + window.width_px + 2 * GAP_PX
    middle = picture[PANEL_ROWS, left : left + window.width_px][:, 242]
    # The lowest row of the image shows the ground where a pinhole has it.
    nearest_m = HEIGHT_M * FOCAL_PX / (959 - 479.5)
    edge = (15 - nearest_m) * window.px_per_m
    is_free = is_color(middle, FREE_RAYS_RGB)
    assert np.flatnonzero(is_free).max() + 1 == pytest.approx(edge, abs=2)
    behind = middle[round(15 * window.px_per_m) + 14 :]
    assert np.median(is_color(behind, cost_color(-1))) == 1


def test_narrow_images_classes_and_a_note(outputs):
    classes = np.full((2 * ROW_HEIGHT_PX, 300, 3), (9, 99, 199), np.uint8)
    camera = CAMERA.scaled(60, 80)
    small = PlannerOutputs(outputs.grid, outputs.scan, camera, outputs.pose)
    overlay = np.full((60, 80, 3), 120, np.uint8)
    plain = draw_planner_picture(overlay, small)
    noted = draw_planner_picture(overlay, small, classes, 'assumed')
    # Enlarged to the height of the panels; the key is as wide as the classes need.
    assert plain.shape[0] == CAPTION_HEIGHT_PX + PANEL_HEIGHT_PX
    assert noted.shape[:2] == (plain.shape[0] + ROW_HEIGHT_PX, 640 + 2 * 480 + 3 * GAP_PX + 300)
    assert is_color(noted[:, -300:], (9, 99, 199)).sum() == classes.shape[0] * 300
    assert noted[-ROW_HEIGHT_PX:, :100].min() < 100
    assert noted[-ROW_HEIGHT_PX:, 100:].min() == 255


def test_the_camera_in_words():
    camera = CameraModel(480, 640, (320.0, 0, 320, 0, 320.0, 240, 0, 0, 1))
    assert describe_camera(camera, 1.6, -7.0) == (
        'camera: 1.6 m above the ground, looks up by 7 deg, field of view 90 deg'
    )
    assert 'looks down by 10.5 deg' in describe_camera(camera, 1.6, 10.5)
    assert 'looks straight ahead' in describe_camera(camera, 1.6, 0.0)
