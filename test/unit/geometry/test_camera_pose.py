# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.ground_plane import GroundView

CAMERA = CameraModel(481, 641, (600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0))


def ground(pose, *rays):
    return GroundView(CAMERA, pose).ground_points(np.array(rays, np.float64))


def test_positive_pitch_looks_down():
    # From 2 m, a ray that falls by 30 degrees meets the ground after 2 / tan(30 deg).
    pose = CameraPose.from_angles(2.0, pitch_rad=math.radians(30))
    np.testing.assert_allclose(ground(pose, (0, 0, 1)), [[2 / math.tan(math.radians(30)), 0.0]])
    up = CameraPose.from_angles(2.0, pitch_rad=math.radians(-30))
    assert np.isnan(ground(up, (0, 0, 1))).all()


def test_positive_roll_lowers_the_right_side():
    # Rolled by 90 degrees to the right, what was on the right is below.
    pose = CameraPose.from_angles(1.0, roll_rad=math.radians(90))
    right = pose.rotation_33 @ [1.0, 0.0, 0.0]
    np.testing.assert_allclose(right, [0.0, 0.0, -1.0], atol=1e-12)
    slight = CameraPose.from_angles(1.0, roll_rad=math.radians(10))
    right_ray, left_ray = ground(slight, (1, 0, 1), (-1, 0, 1))
    assert right_ray[1] < 0  # on the robot's right, y is to the left
    assert np.isnan(left_ray).all()


def test_positive_yaw_looks_to_the_left_and_the_place_is_added():
    pose = CameraPose.from_angles(1.0, math.radians(45), 0.0, math.radians(90), 0.3, -0.2)
    np.testing.assert_allclose(ground(pose, (0, 0, 1)), [[0.3, 0.8]], atol=1e-12)
    assert pose.heading_rad == pytest.approx(math.radians(90))


def test_a_pose_from_tf_is_the_same_as_from_angles():
    # roll, pitch, yaw of the body after the turn from the optical frame, as quaternions.
    optical = _product(_about((0, 0, 1), -90), _about((1, 0, 0), -90))
    body = _product(_product(_about((0, 0, 1), 20), _about((0, 1, 0), 12)), _about((1, 0, 0), -7))
    pose = CameraPose.from_quaternion((0.1, 0.2, 1.3), _product(body, optical))
    angles = (math.radians(degrees) for degrees in (12, -7, 20))
    expected = CameraPose.from_angles(1.3, *angles, 0.1, 0.2)
    np.testing.assert_allclose(pose.rotation, expected.rotation, atol=1e-12)
    assert pose.position_m == expected.position_m


def _about(axis, degrees):
    half = math.radians(degrees) / 2
    return (*(math.sin(half) * value for value in axis), math.cos(half))


def _product(a, b):
    (ax, ay, az, aw), (bx, by, bz, bw) = a, b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


@pytest.mark.parametrize('height_m', [0.0, -1.0, math.nan])
def test_a_camera_in_the_ground_is_refused(height_m):
    with pytest.raises(GeometryError):
        CameraPose.from_angles(height_m)


def test_what_is_no_rotation_is_refused():
    with pytest.raises(GeometryError, match='unit quaternion'):
        CameraPose.from_quaternion((0, 0, 1), (0, 0, 0, 0))
    with pytest.raises(GeometryError, match='rotation'):
        CameraPose((1.0,) * 9, (0, 0, 1))


@pytest.mark.parametrize('axis', ['pitch_rad', 'roll_rad', 'yaw_rad'])
def test_poses_are_near_within_angle_and_distance(axis):
    angle_rad, distance_m = math.radians(0.05), 0.005
    pose = CameraPose.from_angles(1.2, 0.2, -0.1, 0.3)
    angles = {'pitch_rad': 0.2, 'roll_rad': -0.1, 'yaw_rad': 0.3}
    for factor, is_near in ((0.98, True), (1.02, False)):
        turned = {**angles, axis: angles[axis] + factor * angle_rad}
        assert (
            pose.is_near(CameraPose.from_angles(1.2, **turned), angle_rad, distance_m) is is_near
        )
        moved = CameraPose.from_angles(1.2 + factor * distance_m, **angles)
        assert pose.is_near(moved, angle_rad, distance_m) is is_near
