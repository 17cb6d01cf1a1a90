# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera pose (extrinsics) on the robot, from parameters or from TF."""

from __future__ import annotations

import math
from typing import Any, TYPE_CHECKING

from rclpy.time import Time
from rtformer_ros.errors import GeometryError, quoted, shown
from rtformer_ros.geometry.camera_pose import CameraPose

if TYPE_CHECKING:
    from rclpy.node import Node
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
    """
    Source of camera poses: parameters, or TF, which it listens to once it is asked for.

    Works without tf2_ros as long as nobody asks for TF.
    """

    def __init__(self, node: Node) -> None:
        """Keep the node."""
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None
        self._kept = KeptPoses()

    def pose(self, settings: CameraPoseSettings, base_frame: str, camera_frame: str) -> CameraPose:
        """
        Return the pose of a camera's optical frame in the base frame.

        Of TF it is the newest that is known, not the one at an image's stamp.
        Raises GeometryError where there is none.
        """
        if settings.pose_source == 'tf':
            return self._pose_of_tf(base_frame, camera_frame)
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

    def close(self) -> None:
        """Stop listening to TF."""
        listener, self._listener, self._buffer = self._listener, None, None
        if listener is not None:
            listener.unregister()

    def _pose_of_tf(self, base_frame: str, camera_frame: str) -> CameraPose:
        try:
            import tf2_ros
        except ImportError as error:
            raise GeometryError(
                'camera.pose_source is tf, but tf2_ros is not installed (ros-DISTRO-tf2-ros-py); '
                'install it, or set camera.pose_source to parameters and camera.height_m'
            ) from error
        if self._buffer is None:
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, self._node)
        try:
            found = self._buffer.lookup_transform(base_frame, camera_frame, Time())
        except tf2_ros.TransformException as error:
            raise GeometryError(
                f'TF has no transform from {quoted(camera_frame)} to {quoted(base_frame)} '
                f'({shown(str(error))}); publish '
                'it, or name the right base_frame'
            ) from error
        position, rotation = found.transform.translation, found.transform.rotation
        pose = CameraPose.from_quaternion(
            (position.x, position.y, position.z), (rotation.x, rotation.y, rotation.z, rotation.w)
        )
        return self._kept.settled((base_frame, camera_frame), pose)
