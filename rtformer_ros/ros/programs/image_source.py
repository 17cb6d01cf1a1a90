# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera whose images come from a video, a folder, a device or a bag: image and camera_info."""

from __future__ import annotations

from collections.abc import Iterator
import math
import sys
import time
from typing import TYPE_CHECKING

import cv2
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.media.frames import WHOLE
from rtformer_ros.media.open_source import open_source
from rtformer_ros.ros.input.camera_info import scaled_camera_info
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.qos import RELIABILITY
from rtformer_ros.ros.process.run_node import run_node
from rtformer_ros.ros.programs.image_source_settings import read_settings
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest

if TYPE_CHECKING:
    import threading

    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.media.calibration import Calibration
    from rtformer_ros.media.frames import Region, SourceFrame

_QUEUE_DEPTH = 5
_POLL_S = 0.05
# After subscribers were found: they have to find this publisher too, and those that follow its
# QoS (once a second) may have to subscribe anew.
_SETTLE_S = 1.5
_LAST_FRAME_TIMEOUT_S = 2.0


class ImageSource(Node):
    """Camera node: publishes images from files or a device, with their calibration."""

    def __init__(self) -> None:
        """
        Declare the parameters, open the source and offer the topics.

        Raises ConfigError for a parameter that is not allowed, ImageError for a source that
        cannot be read.
        """
        super().__init__('image_source')
        settings = self._settings = read_settings(self)
        self._source = open_source(
            settings.source, settings.topic, is_still=settings.still, pans=settings.pan
        )
        self._rate_hz = settings.rate_hz or self._source.rate_hz
        qos = QoSProfile(depth=_QUEUE_DEPTH, reliability=RELIABILITY[settings.reliability])
        self._image_publisher = self.create_publisher(Image, 'image', qos)
        self._camera_info_publisher = self.create_publisher(CameraInfo, 'camera_info', qos)
        self._message = new_image(1, 1, settings.encoding)

    def play(self, stop: threading.Event) -> None:
        """
        Publish the clip until it ends, its time is up or `stop` is set.

        Raises ImageError for a frame that cannot be read.
        """
        self._wait_for_subscribers(stop)
        count = 0
        start_s = time.monotonic()
        end_s = start_s + (self._settings.duration_s or math.inf)
        for due_s, frame in self._schedule():
            if max(time.monotonic(), start_s + due_s) > end_s:
                break
            if stop.wait(max(0.0, start_s + due_s - time.monotonic())):
                break
            self._publish(frame)
            count += 1
        if not stop.is_set():
            # Reliable subscribers get the last frames too.
            timeout = Duration(seconds=_LAST_FRAME_TIMEOUT_S)
            self._image_publisher.wait_for_all_acked(timeout)
            self._camera_info_publisher.wait_for_all_acked(timeout)
        self.get_logger().info(f'published {count} frames')

    def _schedule(self) -> Iterator[tuple[float, SourceFrame]]:
        """Return frames with the time at which each is due, in seconds since the start."""
        stretch = self._source.rate_hz / self._rate_hz
        round_start_s = due_s = 0.0
        while True:
            for frame in self._source:
                due_s = 0.0 if self._source.is_live else round_start_s + frame.time_s * stretch
                yield due_s, frame
            if not self._settings.loop:
                return
            round_start_s = due_s + 1.0 / self._rate_hz

    def _publish(self, frame: SourceFrame) -> None:
        settings, image = self._settings, frame.image_hwc
        if settings.width:
            image = scale_image(image, settings.height, settings.width)
        height, width = image.shape[:2]
        if (self._message.height, self._message.width) != (height, width):
            self._message = new_image(height, width, settings.encoding)
        message = self._message
        _fill(message, image)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = settings.frame_id
        info = self._camera_info(frame)
        if settings.width:
            info = scaled_camera_info(info, message.header, height, width)
        info.header = message.header
        # First, so that a node that has the image has its calibration too.
        self._camera_info_publisher.publish(info)
        self._image_publisher.publish(message)

    def _camera_info(self, frame: SourceFrame) -> CameraInfo:
        """Return the calibration of a frame at its own size, assumed where it brings none."""
        if frame.calibration is not None:
            return _as_message(frame.calibration)
        field_of_view_rad = math.radians(self._settings.field_of_view_deg)
        height, width = frame.image_hwc.shape[:2]
        return pinhole_camera_info(height, width, field_of_view_rad, frame.region)

    def _wait_for_subscribers(self, stop: threading.Event) -> None:
        wanted, timeout_s = self._settings.wait_for_subscribers, self._settings.wait_timeout_s
        if wanted == 0:
            return
        give_up_s = time.monotonic() + timeout_s
        while not self._has_subscribers(wanted) and time.monotonic() < give_up_s:
            if stop.wait(_POLL_S):
                return
        if self._has_subscribers(wanted):
            stop.wait(_SETTLE_S)
        else:
            self.get_logger().warning(
                f'{self._image_publisher.get_subscription_count()} of {wanted} subscribers came '
                f'within {timeout_s:g} s; starting without the others'
            )

    def _has_subscribers(self, count: int) -> bool:
        return bool(self._image_publisher.get_subscription_count() >= count)


def pinhole_camera_info(
    height: int, width: int, field_of_view_rad: float, region: Region = WHOLE
) -> CameraInfo:
    """
    Return the calibration of an ideal camera: square pixels, no distortion, centred.

    field_of_view_rad: horizontal, of the lens's whole picture, between 0 and pi; region: which
    part of that the image shows, as SourceFrame has it. The header is empty.
    """
    left, top, region_width, region_height = region
    focal_px = width / region_width / 2 / math.tan(field_of_view_rad / 2)
    center_x = (0.5 - left) / region_width * width
    center_y = (0.5 - top) / region_height * height
    return CameraInfo(
        height=height,
        width=width,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[focal_px, 0.0, center_x, 0.0, focal_px, center_y, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal_px, 0.0, center_x, 0.0, 0.0, focal_px, center_y, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def _as_message(calibration: Calibration) -> CameraInfo:
    roi = RegionOfInterest(**vars(calibration.roi))
    return CameraInfo(**{**vars(calibration), 'roi': roi})


def _fill(message: Image, image_hwc: npt.NDArray[np.uint8]) -> None:
    pixels = image_array(message)
    if message.encoding == 'rgb8':
        pixels[...] = image_hwc
    elif message.encoding == 'bgr8':
        cv2.cvtColor(image_hwc, cv2.COLOR_RGB2BGR, pixels)
    else:
        cv2.cvtColor(image_hwc, cv2.COLOR_RGB2GRAY, pixels)


def main(args: list[str] | None = None) -> int:
    """Play until the end of the clip, SIGINT or SIGTERM; returns the exit code."""
    return run_node('image_source', ImageSource, ImageSource.play, args)


if __name__ == '__main__':
    sys.exit(main())
