# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Picture of costmap and scan beside the frame that they were made from."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.drawing.ground_picture import CostGrid, RangeScan
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.planner_picture import (
    describe_camera,
    draw_planner_picture,
    PANEL_HEIGHT_PX,
    PlannerOutputs,
)
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.ros.input.camera_info import camera_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nav_msgs.msg import OccupancyGrid
    import numpy.typing as npt
    from rtformer_ros.ros.programs.frame_picture import FramePicture, Ground
    from sensor_msgs.msg import LaserScan


_LEAST_GROUND = 0.01
_ALL_BUT_STRAY = 0.99


@dataclass(frozen=True)
class DemoCameraPose:
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


def ground_over_horizon(
    frame: FramePicture, ground: Ground, camera_pose: DemoCameraPose, ground_ids: Sequence[int]
) -> tuple[float, float]:
    """
    Return which share of the ground is over the horizon, and the least pitch in degrees without.

    ground_ids: the classes that are ground. Where there is hardly any, (0, 0).
    Raises GeometryError for a calibration that does not fit the image.
    """
    is_ground_hw = np.isin(frame.class_map_hw, ground_ids)
    if is_ground_hw.mean() < _LEAST_GROUND:
        return 0.0, 0.0
    height, width = is_ground_hw.shape
    camera = camera_model(ground.camera_info, height, width, is_rectified=False)
    level = CameraPose.from_angles(camera_pose.height_m).rotation_33
    parts = []
    for rows, rays_3hw in camera.ray_strips():
        rays_3n = level @ rays_3hw[:, is_ground_hw[rows]]
        parts.append(rays_3n[2] / np.linalg.norm(rays_3n, axis=0))
    elevations_deg = np.degrees(np.arcsin(np.concatenate(parts)))
    # The horizon of a camera that looks down is as much above the middle of its image.
    share = float((elevations_deg > camera_pose.pitch_deg).mean())
    return share, float(np.nanquantile(elevations_deg, _ALL_BUT_STRAY))


def draw_ground(
    frame: FramePicture, ground: Ground, class_names: Sequence[str], camera_pose: DemoCameraPose
) -> npt.NDArray[np.uint8]:
    """
    Return overlay | costmap | scan | key side by side, uint8 [H, W, 3] RGB.

    Raises GeometryError for a calibration that does not fit the image.
    """
    height, width = frame.image_hwc.shape[:2]
    camera = camera_model(ground.camera_info, height, width, is_rectified=False)
    pose = CameraPose.from_angles(camera_pose.height_m, math.radians(camera_pose.pitch_deg))
    outputs = PlannerOutputs(ground.grid, ground.scan, camera, pose)
    legend = frame.legend(class_names, PANEL_HEIGHT_PX // ROW_HEIGHT_PX)
    text = describe_camera(camera, camera_pose.height_m, camera_pose.pitch_deg)
    return draw_planner_picture(frame.overlay_hwc, outputs, legend, f'{text}{camera_pose.note}')
