# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/scan: sensor_msgs/LaserScan of how far the ground is free."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from rtformer_ros.geometry.scan import ScanProjection
from rtformer_ros.ros.output.ground_view import find_ground_view
from rtformer_ros.stream.cached import Cached
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.result import FrameResult


class ScanConverter:
    """Converter of one camera's frames; caches its projection."""

    def __init__(self) -> None:
        """Start without one."""
        self._projection = Cached(ScanProjection)

    def __call__(self, frame: FrameResult) -> LaserScan:
        """Return the scan in the base frame; raises GeometryError where there is none."""
        settings = frame.config.settings.scan
        projection = self._projection(
            find_ground_view(frame),
            settings,
            frame.config.group_by_id,
            frame.segmentation.unseen,
        )
        ranges_m = projection.ranges(frame.segmentation)
        last = settings.readings - 1
        return LaserScan(
            header=Header(stamp=frame.header.stamp, frame_id=frame.config.settings.base_frame),
            angle_min=settings.angle_min_rad,
            angle_max=settings.angle_min_rad + last * settings.angle_increment_rad,
            angle_increment=settings.angle_increment_rad,
            range_min=settings.range_min_m,
            range_max=settings.range_max_m,
            ranges=array.array('f', ranges_m.tobytes()),
        )
