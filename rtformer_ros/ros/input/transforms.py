# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Transforms between frames, from TF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

from rclpy.duration import Duration
from rclpy.time import Time
from rtformer_ros.errors import GeometryError, quoted, shown
from rtformer_ros.ros.input.stamp import stamp_ns

if TYPE_CHECKING:
    from rclpy.node import Node
    from std_msgs.msg import Header

# A transform at an image's stamp is known when the next one has come, from odometry of 10 Hz.
_PATIENCE_S = 0.1
# One whose newest is older than that does not flow, and is not waited for.
_FLOWING_S = 1.0


@dataclass(frozen=True)
class FrameTransform:
    """Where a frame is in another one: x, y, z in metres, and its rotation."""

    position_m: tuple[float, float, float]
    quaternion_xyzw: tuple[float, float, float, float]


class TransformSource:
    """
    Source of transforms: TF, which it listens to once it is asked.

    Works without tf2_ros as long as nobody asks.
    """

    def __init__(self, node: Node) -> None:
        """Keep the node."""
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None

    def newest(self, target: str, source: str) -> FrameTransform:
        """Return where the source frame is in the target; raises GeometryError where unknown."""
        return _values(self._look_up(target, source, Time()))

    def at_stamp(self, target: str, source: str, header: Header) -> FrameTransform:
        """
        Return where the source frame was in the target at the stamp of a message.

        Waits up to 0.1 s for a transform that flows and is not there yet. Raises GeometryError
        where TF does not tell.
        """
        # Else the stamp is none that Time takes, or means the newest transform.
        if not 0 < stamp_ns(header) < 1 << 63:
            raise GeometryError(
                'the image has no stamp at which TF could tell where the robot was; publish it '
                'with the time of its exposure'
            )
        newest = self._look_up(target, source, Time())
        late_s = (stamp_ns(header) - stamp_ns(newest.header)) / 1e9
        patience_s = _PATIENCE_S if 0.0 < late_s < _FLOWING_S else 0.0
        return _values(self._look_up(target, source, Time.from_msg(header.stamp), patience_s))

    def close(self) -> None:
        """Stop listening to TF."""
        listener, self._listener, self._buffer = self._listener, None, None
        if listener is not None:
            listener.unregister()

    def _look_up(self, target: str, source: str, time: Time, patience_s: float = 0.0) -> Any:
        """Return a geometry_msgs/TransformStamped."""
        try:
            import tf2_ros
        except ImportError as error:
            raise GeometryError(
                'TF is asked for, but tf2_ros is not installed (ros-DISTRO-tf2-ros-py); install '
                'it, or set camera.pose_source to parameters with camera.height_m, and '
                "costmap.frame to ''"
            ) from error
        if self._buffer is None:
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, self._node)
        try:
            return self._buffer.lookup_transform(
                target, source, time, Duration(nanoseconds=int(patience_s * 1e9))
            )
        except tf2_ros.TransformException as error:
            raise GeometryError(
                f'TF has no transform from {quoted(source)} to {quoted(target)} '
                f'({shown(str(error))}); publish it, or name the right base_frame and '
                'costmap.frame'
            ) from error


def _values(found: Any) -> FrameTransform:
    position, rotation = found.transform.translation, found.transform.rotation
    return FrameTransform(
        (position.x, position.y, position.z), (rotation.x, rotation.y, rotation.z, rotation.w)
    )
