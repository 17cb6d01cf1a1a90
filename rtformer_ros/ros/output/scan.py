"""Make ~/scan: how far the ground is free in each direction."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from rtformer_ros.geometry.scan import ScanProjection
from rtformer_ros.ros.output.ground_view import find_ground_view, group_by_id

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.result import FrameResult


class ScanMaker:
    """Makes the scans of one camera; keeps its projection."""

    def __init__(self) -> None:
        """Start without one."""
        self._key: object = None
        self._projection: ScanProjection | None = None

    def __call__(self, frame: FrameResult) -> LaserScan:
        """Return the scan in the base frame; raises GeometryError where there is none."""
        settings = frame.plan.settings.scan
        view, groups = find_ground_view(frame), group_by_id(frame.plan)
        key = (view, settings, groups)
        if self._projection is None or key != self._key:
            self._projection = ScanProjection(view, settings, groups)
            self._key = key
        ranges_m = self._projection.ranges(frame.segmentation)
        last = settings.readings - 1
        return LaserScan(
            header=Header(stamp=frame.header.stamp, frame_id=frame.plan.settings.base_frame),
            angle_min=settings.angle_min_rad,
            angle_max=settings.angle_min_rad + last * settings.angle_increment_rad,
            angle_increment=settings.angle_increment_rad,
            range_min=settings.range_min_m,
            range_max=settings.range_max_m,
            ranges=array.array('f', ranges_m.tobytes()),
        )
