# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from ground_scene import DISTORTED, Scene, SLANTED
from ground_views import view_of
import numpy as np
import pytest
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.ground_plane import GroundView

CAMERA = CameraModel(481, 641, (600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0))


def test_the_horizon_and_what_is_above_it_have_no_ground():
    view = GroundView(CAMERA, CameraPose.from_angles(1.5))
    # A level camera has its horizon in row cy; v - cy pixels below it lie f * h / (v - cy) ahead.
    assert np.isnan(view.points_hw2[:241]).all()
    rows = np.arange(241, 481)
    np.testing.assert_allclose(view.points_hw2[241:, 320, 0], 600 * 1.5 / (rows - 240), rtol=1e-4)
    np.testing.assert_allclose(view.points_hw2[241:, 320, 1], 0.0, atol=1e-6)


@pytest.mark.parametrize('lens', DISTORTED, ids=lambda lens: lens.model)
@pytest.mark.parametrize('extrinsics', SLANTED, ids=lambda e: f'{e.pitch_deg:g}/{e.roll_deg:g}')
def test_pixels_go_to_the_ground_and_back(lens, extrinsics):
    scene = Scene(lens, extrinsics)
    view = view_of(scene)
    rows, columns = np.nonzero(np.hypot(*np.moveaxis(view.points_hw2, -1, 0)) < 50)
    points = view.points_hw2[rows, columns]
    assert len(points) > 10_000
    np.testing.assert_allclose(view.pixels(points), np.stack([columns, rows], axis=1), atol=0.02)
    np.testing.assert_array_equal(view.pixel_indices(points), rows * lens.width + columns)
    # The test's own camera agrees: from the point over the camera's axes to the lens formulas.
    offsets = (
        np.concatenate([points, np.zeros((len(points), 1))], axis=1) - scene.extrinsics.centre
    )
    right, down, ahead = (offsets @ scene.extrinsics.axes).T
    u, v = lens.pixels(right / ahead, down / ahead)
    np.testing.assert_allclose(np.stack([u, v], axis=1), np.stack([columns, rows], 1), atol=0.02)


def test_points_out_of_the_picture_have_no_pixel():
    view = GroundView(CAMERA, CameraPose.from_angles(1.5))
    points = np.array([[-5.0, 0.0], [0.5, 0.0], [5.0, 40.0], [5.0, 0.0]])
    np.testing.assert_array_equal(view.pixel_indices(points) >= 0, [False, False, False, True])
