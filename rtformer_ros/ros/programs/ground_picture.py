"""Read what planners get, and draw it beside the frame that it was made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.drawing.ground_picture import CostGrid, RangeScan
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.planner_picture import (
    PANEL_HEIGHT_PX,
    PlannerOutputs,
    describe_camera,
    draw_planner_picture,
)
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.ros.input.camera_info import camera_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from nav_msgs.msg import OccupancyGrid
    from sensor_msgs.msg import LaserScan

    from rtformer_ros.ros.programs.frame_picture import Ground, Snapshot


@dataclass(frozen=True)
class ListenerMount:
    """Where the listener takes the camera to be, as the node does; note: what to say of it."""

    height_m: float
    pitch_deg: float
    note: str


def cost_grid(message: OccupancyGrid) -> CostGrid:
    """Return the costs of a grid whose axes are those of its frame (no rotated origin)."""
    info = message.info
    costs_hw = np.array(message.data, np.int8).reshape(info.height, info.width)
    return CostGrid(costs_hw, info.resolution, (info.origin.position.x, info.origin.position.y))


def range_scan(message: LaserScan) -> RangeScan:
    """Return the ranges of a scan."""
    ranges_m = np.array(message.ranges, np.float32)
    return RangeScan(ranges_m, message.angle_min, message.angle_increment, message.range_max)


def draw_ground(
    snapshot: Snapshot, ground: Ground, class_names: Sequence[str], mount: ListenerMount
) -> npt.NDArray[np.uint8]:
    """
    Return overlay | costmap | scan | key side by side, uint8 [H, W, 3] RGB.

    Raises GeometryError for a calibration that does not fit the image.
    """
    height, width = snapshot.image_hwc.shape[:2]
    camera = camera_model(ground.camera_info, height, width, is_rectified=False)
    pose = CameraPose.from_height_and_angles(mount.height_m, math.radians(mount.pitch_deg))
    outputs = PlannerOutputs(ground.grid, ground.scan, camera, pose)
    legend = snapshot.legend(class_names, PANEL_HEIGHT_PX // ROW_HEIGHT_PX)
    text = describe_camera(camera, mount.height_m, mount.pitch_deg)
    return draw_planner_picture(snapshot.overlay_hwc, outputs, legend, f'{text}{mount.note}')
