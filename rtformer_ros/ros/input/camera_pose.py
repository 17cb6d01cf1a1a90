# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera pose (extrinsics) on the robot, from parameters or from TF."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_pose import CameraPose

if TYPE_CHECKING:
    from rtformer_ros.ros.input.transforms import TransformSource
    from rtformer_ros.ros.interface.settings import CameraPoseSettings


# A new pose costs new projections, some 100 ms each, so a base that trembles keeps its old one;
# this much moves the ground at 15 m by 0.1 m.
_SAME_ANGLE_RAD = math.radians(0.05)
_SAME_DISTANCE_M = 0.005
_KEPT_POSES = 64


class KeptPoses:
    """Poses that stay the same while they tremble, by base frame and camera frame."""

    def __init__(self) -> None:
        """Start with none."""
        self._poses: dict[tuple[str, str], CameraPose] = {}

    def settled(self, frames: tuple[str, str], pose: CameraPose) -> CameraPose:
        """Return the pose that was returned last for these frames while this one is near it."""
        known = self._poses.pop(frames, None)
        if known is not None and known.is_near(pose, _SAME_ANGLE_RAD, _SAME_DISTANCE_M):
            pose = known
        self._poses[frames] = pose
        # Images name their frames, so there may be ever more: the one unused for longest goes.
        while len(self._poses) > _KEPT_POSES:
            del self._poses[next(iter(self._poses))]
        return pose


class CameraPoseSource:
    """Source of camera poses: parameters, or TF."""

    def __init__(self, transforms: TransformSource) -> None:
        """Take where transforms come from."""
        self._transforms = transforms
        self._kept = KeptPoses()

    def pose(self, settings: CameraPoseSettings, base_frame: str, camera_frame: str) -> CameraPose:
        """
        Return the pose of a camera's optical frame in the base frame.

        Of TF it is the newest that is known, not the one at an image's stamp.
        Raises GeometryError where there is none.
        """
        if settings.pose_source == 'tf':
            found = self._transforms.newest(base_frame, camera_frame)
            pose = CameraPose.from_quaternion(found.position_m, found.quaternion_xyzw)
            return self._kept.settled((base_frame, camera_frame), pose)
        if not settings.height_m:
            raise GeometryError(
                'the camera has no pose: set camera.height_m, its height above the ground in '
                'metres, and camera.pitch_deg, or camera.pose_source to tf'
            )
        return CameraPose.from_angles(
            settings.height_m,
            settings.pitch_rad,
            settings.roll_rad,
            settings.yaw_rad,
            settings.forward_m,
            settings.left_m,
        )
