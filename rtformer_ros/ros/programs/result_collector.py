# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subscriber of what the segmentation node publishes: writes a video, a picture, figures."""

from __future__ import annotations

import json
import math
import queue
import sys
import time
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rtformer_ros.errors import ConfigError, EngineError, RtformerError
from rtformer_ros.files.packaged_files import expanded_path
from rtformer_ros.imaging.codecs import encode_png
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.media.video_writer import VideoWriter
from rtformer_ros.ros.input.image_messages import decode_message, image_array
from rtformer_ros.ros.process.run_node import run_node
from rtformer_ros.ros.programs.frame_picture import FrameCollector, GROUND_PARTS, PICTURE_PARTS
from rtformer_ros.ros.programs.ground_picture import (
    cost_grid,
    DemoCameraPose,
    draw_ground,
    ground_over_horizon,
    range_scan,
)
from rtformer_ros.ros.programs.result_record import ResultRecord
from sensor_msgs.msg import CameraInfo, Image, LaserScan

if TYPE_CHECKING:
    import threading

    import numpy.typing as npt
    from std_msgs.msg import Header

VIDEO, PICTURE, SUMMARY = 'overlay.mp4', 'overlay.png', 'summary.json'
PLANNER_PICTURE = 'planner.png'

_QUEUE_DEPTH = 10
_INFO_DEPTH = 1000
# The bundled street is in view down to the ground then.
_PICTURE_S = 3.1
# A busy machine needs seconds to prepare the projections of a calibration.
_FIRST_PROJECTION_TIMEOUT_S = 8.0
_VIDEO_RATE_HZ = 10.0
# A network takes some pixels of walls for ground.
_MOST_OVER_HORIZON = 0.1
_POLL_S = 0.1


class ResultCollector(Node):
    """
    Subscriber of a camera (image, camera_info) and of mask, color_mask and overlay made from it.

    Where its parameters say how high the camera is, it subscribes to costmap and scan too.
    Calibrations are small and never lost, so they show which frames were sent.
    """

    def __init__(self) -> None:
        """Declare the parameters and subscribe; raises ConfigError for a bad output folder."""
        super().__init__('result_collector')
        self._folder = expanded_path(self.declare_parameter('output', 'demo_output').value)
        self._class_names = self.declare_parameter('class_names', ['']).value
        # Classes that only lie below the horizon; none are looked at where the pitch is known.
        self._ground_ids = self.declare_parameter('ground_ids', [-1]).value
        self._start_timeout_s = self.declare_parameter('start_timeout_s', 60.0).value
        self._idle_timeout_s = self.declare_parameter('idle_timeout_s', 2.0).value
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f'cannot make the output folder {self._folder}: {error}') from error
        self._record = ResultRecord()
        self._camera_pose = self._declare_camera_pose()
        parts = GROUND_PARTS if self._camera_pose else PICTURE_PARTS
        self._frames = FrameCollector(_PICTURE_S, parts)
        self._overlays: queue.SimpleQueue[tuple[int, npt.NDArray[np.uint8]]] = queue.SimpleQueue()
        self._last_news_s = time.monotonic()
        self._node_error = self._node_warning = ''
        self._is_pose_doubtful = False
        self._subscribe()

    def _declare_camera_pose(self) -> DemoCameraPose | None:
        """Return where the camera is; without a height no costmap and scan are listened to."""
        pose = DemoCameraPose(
            self.declare_parameter('camera.height_m', 0.0).value,
            self.declare_parameter('camera.pitch_deg', 0.0).value,
            self.declare_parameter('camera.note', '').value,
        )
        return pose if pose.height_m > 0 else None

    def _subscribe(self) -> None:
        reliable = QoSProfile(depth=_QUEUE_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        every = QoSProfile(depth=_INFO_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(CameraInfo, 'camera_info', self._on_camera_info, every)
        self.create_subscription(Image, 'image', self._on_image, reliable)
        self.create_subscription(Image, 'mask', self._on_mask, reliable)
        self.create_subscription(Image, 'color_mask', self._on_color_mask, reliable)
        self.create_subscription(Image, 'overlay', self._on_overlay, reliable)
        if self._camera_pose:
            self.create_subscription(OccupancyGrid, 'costmap', self._on_costmap, reliable)
            self.create_subscription(LaserScan, 'scan', self._on_scan, reliable)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def collect(self, stop: threading.Event) -> None:
        """
        Receive until the camera has stopped or `stop` is set, then write everything.

        Raises EngineError when no mask came (or no costmap and scan, where they are listened to)
        or the segmentation node reports an error before the first, ConfigError when no camera
        came.
        """
        error = ''
        try:
            with VideoWriter(self._folder / VIDEO, _VIDEO_RATE_HZ) as video:
                self._write_overlays(video, stop)
            self._check()
        except RtformerError as failure:
            error = str(failure)
            raise
        finally:
            self._write_summary(error)

    def _write_overlays(self, video: VideoWriter, stop: threading.Event) -> None:
        first_ns = size = None
        while True:
            try:
                stamp_ns, overlay = self._overlays.get(timeout=_POLL_S)
            except queue.Empty:
                if stop.is_set() or self._has_ended():
                    return
                continue
            if first_ns is None or size is None:
                first_ns, size = stamp_ns, overlay.shape[:2]
            video.write(scale_image(overlay, *size), (stamp_ns - first_ns) * 1e-9)

    def _has_ended(self) -> bool:
        record = self._record
        if self._node_error and not record.mask_received_ns:
            return True
        timeout_s = self._idle_timeout_s if record.sent_ns else self._start_timeout_s
        if record.sent_ns and not self._has_ground():
            timeout_s = max(timeout_s, _FIRST_PROJECTION_TIMEOUT_S)
        return bool(time.monotonic() - self._last_news_s > timeout_s)

    def _check(self) -> None:
        record = self._record
        if record.mask_received_ns:
            self._check_ground()
            return
        if self._node_error:
            raise EngineError(f'the segmentation node reports: {self._node_error}')
        if not record.sent_ns:
            raise ConfigError(
                f'no camera_info came within {self._start_timeout_s:g} s; is the camera running?'
            )
        raise EngineError(
            f'{len(record.sent_ns)} frames were sent, but no mask came back; is the '
            'segmentation node running and subscribed to the camera?'
        )

    def _has_ground(self) -> bool:
        """Return whether a frame has costmap and scan, or need not."""
        picture = self._frames.picture
        return self._camera_pose is None or (picture is not None and picture.ground is not None)

    def _check_ground(self) -> None:
        if self._has_ground():
            self._check_pose()
            return
        warning, record = self._node_warning, self._record
        reason = f'; the segmentation node reports: {warning}' if warning else ''
        raise EngineError(
            f'{record.costmap_count} costmaps and {record.scan_count} scans came, but no frame '
            f'with both and all its pictures{reason}'
        )

    def _check_pose(self) -> None:
        """Raise ConfigError where the ground is seen where the camera's pose has sky."""
        picture, pose = self._frames.picture, self._camera_pose
        if picture is None or picture.ground is None or pose is None:
            return
        share, least_deg = ground_over_horizon(picture, picture.ground, pose, self._ground_ids)
        if share > _MOST_OVER_HORIZON:
            self._is_pose_doubtful = True
            raise ConfigError(
                f'{share:.0%} of the ground in the picture lies over the horizon of a camera with '
                f'a pitch of {pose.pitch_deg:g} degrees, which is assumed; it looks down, by '
                f'{math.ceil(least_deg)} degrees or more. Measure it, and say so with '
                '--camera-pitch-deg'
            )

    def _write_summary(self, error: str) -> None:
        picture = self._frames.picture
        if picture is not None:
            names = [name for name in self._class_names if name]
            self._write_picture(PICTURE, picture.draw(names))
            if self._camera_pose and picture.ground and not self._is_pose_doubtful:
                planner_hwc = draw_ground(picture, picture.ground, names, self._camera_pose)
                self._write_picture(PLANNER_PICTURE, planner_hwc)
        text = json.dumps(self._record.summary(error), indent=2)
        (self._folder / SUMMARY).write_text(text + '\n', encoding='utf-8')

    def _write_picture(self, name: str, picture_hwc: npt.NDArray[np.uint8]) -> None:
        (self._folder / name).write_bytes(encode_png(picture_hwc).tobytes())

    # ---- what comes in ----------------------------------------------------------------------

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._last_news_s = time.monotonic()
        self._record.sent_ns.add(_stamp_ns(message.header))
        self._record.image_size = (message.height, message.width)
        self._frames.add('camera_info', _stamp_ns(message.header), message)

    def _on_image(self, message: Image) -> None:
        self._frames.add('image', _stamp_ns(message.header), decode_message(message).image_hwc)

    def _on_mask(self, message: Image) -> None:
        received_ns = self.get_clock().now().nanoseconds
        self._last_news_s = time.monotonic()
        stamp_ns, class_map = _stamp_ns(message.header), image_array(message)
        self._record.add_mask(stamp_ns, received_ns, class_map)
        self._frames.add('mask', stamp_ns, class_map)

    def _on_color_mask(self, message: Image) -> None:
        self._frames.add(
            'color_mask', _stamp_ns(message.header), decode_message(message).image_hwc
        )

    def _on_overlay(self, message: Image) -> None:
        stamp_ns, overlay = _stamp_ns(message.header), decode_message(message).image_hwc
        self._record.overlay_count += 1
        self._frames.add('overlay', stamp_ns, overlay)
        self._overlays.put((stamp_ns, overlay))

    def _on_costmap(self, message: OccupancyGrid) -> None:
        self._record.costmap_count += 1
        self._frames.add('costmap', _stamp_ns(message.header), cost_grid(message))

    def _on_scan(self, message: LaserScan) -> None:
        self._record.scan_count += 1
        self._frames.add('scan', _stamp_ns(message.header), range_scan(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            if 'frames segmented' not in values:
                continue
            self._record.node_values = values
            level, text = status.level, status.message
            self._node_error = text if level == DiagnosticStatus.ERROR else ''
            # Kept, as the last one is that the camera has ended.
            if level == DiagnosticStatus.WARN and 'costmap' in text:
                self._node_warning = text


def _stamp_ns(header: Header) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def main(args: list[str] | None = None) -> int:
    """Collect until the camera stops, SIGINT or SIGTERM; returns the exit code."""
    return run_node('result_collector', ResultCollector, ResultCollector.collect, args)


if __name__ == '__main__':
    sys.exit(main())
