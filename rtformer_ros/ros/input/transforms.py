# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Transforms between frames, from TF."""

from __future__ import annotations

from dataclasses import dataclass
import threading
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
# TF remembers so long, and refuses whatever is older than that.
_REMEMBERED_S = 10.0
# Images name their frames, so there may be ever more.
_MOST_CAMERAS = 64


@dataclass(frozen=True)
class FrameTransform:
    """Where a frame is in another one: x, y, z in metres, and its rotation."""

    position_m: tuple[float, float, float]
    quaternion_xyzw: tuple[float, float, float, float]


class TransformSource:
    """
    Source of transforms: TF, which it listens to once it is asked.

    Works without tf2_ros as long as nobody asks. Whoever still asks after `close`, as a frame that
    does not end, is refused.
    """

    def __init__(self, node: Node) -> None:
        """Keep the node."""
        self._node = node
        self._lock = threading.Lock()
        self._is_closed = False
        self._buffer: Any = None
        self._listener: Any = None
        self._last_ns: dict[str, int] = {}

    def newest(self, target: str, source: str) -> FrameTransform:
        """Return where the source frame is in the target; raises GeometryError where unknown."""
        return _values(self._look_up(target, source, Time()))

    def at_stamp(self, target: str, source: str, header: Header) -> FrameTransform:
        """
        Return where the source frame was in the target at the stamp of a message.

        Waits up to 0.1 s for a transform that flows and is not there yet. Raises GeometryError
        where TF does not tell. Once a camera's clock has gone back beyond what TF remembers, as
        when a recording begins anew, TF is listened to anew: it would refuse all that comes.
        """
        # Else the stamp is none that Time takes, or means the newest transform.
        if not 0 < stamp_ns(header) < 1 << 63:
            raise GeometryError(
                'the image has no stamp at which TF could tell where the robot was; publish it '
                'with the time of its exposure'
            )
        has_gone_back = self._has_gone_back(header)
        newest = self._look_up(target, source, Time())
        late_s = (stamp_ns(header) - stamp_ns(newest.header)) / 1e9
        if has_gone_back and late_s < -_REMEMBERED_S:
            self._forget()
            raise GeometryError(
                f'the stamps of the images have gone back to {-late_s:.0f} s before the newest '
                'transform; TF is listened to anew, and known with the next transforms'
            )
        patience_s = _PATIENCE_S if 0.0 < late_s < _FLOWING_S else 0.0
        return _values(self._look_up(target, source, Time.from_msg(header.stamp), patience_s))

    def close(self) -> None:
        """Stop listening to TF, for good."""
        with self._lock:
            self._is_closed = True
            listener, self._listener, self._buffer = self._listener, None, None
        if listener is not None:
            listener.unregister()

    def _has_gone_back(self, header: Header) -> bool:
        """Return whether the camera's image before this one had a later stamp."""
        last_ns = self._last_ns.pop(header.frame_id, None)
        self._last_ns[header.frame_id] = stamp_ns(header)
        while len(self._last_ns) > _MOST_CAMERAS:
            del self._last_ns[next(iter(self._last_ns))]
        return last_ns is not None and stamp_ns(header) < last_ns

    def _forget(self) -> None:
        """Forget all transforms but static ones."""
        with self._lock:
            if self._buffer is not None:
                self._buffer.clear()

    def _look_up(self, target: str, source: str, time: Time, patience_s: float = 0.0) -> Any:
        """Return a geometry_msgs/TransformStamped."""
        if self._is_closed:
            raise self._closed_error()
        try:
            import tf2_ros
        except ImportError as error:
            raise GeometryError(
                'TF is asked for, but tf2_ros is not installed (ros-DISTRO-tf2-ros-py); install '
                'it, or set camera.pose_source to parameters with camera.height_m, and '
                "costmap.frame to ''"
            ) from error
        buffer = self._listening(tf2_ros)
        try:
            return buffer.lookup_transform(
                target, source, time, Duration(nanoseconds=int(patience_s * 1e9))
            )
        except tf2_ros.TransformException as error:
            raise GeometryError(
                f'TF has no transform from {quoted(source)} to {quoted(target)} '
                f'({shown(str(error))}); publish it, or name the right base_frame and '
                'costmap.frame'
            ) from error

    def _listening(self, tf2_ros: Any) -> Any:
        """Return the buffer that is filled with what TF tells, from the first call on."""
        with self._lock:
            # It may have been closed meanwhile.
            if self._is_closed:
                raise self._closed_error()
            if self._buffer is None:
                self._buffer = tf2_ros.Buffer()
                self._listener = tf2_ros.TransformListener(self._buffer, self._node)
            return self._buffer

    def _closed_error(self) -> GeometryError:
        return GeometryError('TF is not listened to any more: the node was deactivated')


def _values(found: Any) -> FrameTransform:
    position, rotation = found.transform.translation, found.transform.rotation
    return FrameTransform(
        (position.x, position.y, position.z), (rotation.x, rotation.y, rotation.z, rotation.w)
    )
