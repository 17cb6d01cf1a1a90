# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/costmap: nav_msgs/OccupancyGrid of what the ground costs a planner."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from nav_msgs.msg import OccupancyGrid
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.costmap import CostmapMemory, CostmapProjection
from rtformer_ros.geometry.grids.fixed_frame import in_fixed_frame
from rtformer_ros.geometry.grids.placed_grid import PlacedGrid
from rtformer_ros.ros.input.stamp import stamp_s
from rtformer_ros.ros.output.ground_view import find_ground_view
from rtformer_ros.stream.cached import Cached
from std_msgs.msg import Header

if TYPE_CHECKING:
    from rtformer_ros.geometry.costmap import CostmapSettings
    from rtformer_ros.ros.frames.result import FrameResult


class CostmapConverter:
    """Converter of one camera's frames; caches its projection, and a memory where asked to."""

    def __init__(self) -> None:
        """Start with neither."""
        self._projection = Cached(CostmapProjection)
        self._memory = Cached(_new_memory)

    def __call__(self, frame: FrameResult) -> OccupancyGrid:
        """Return the grid in the base frame or costmap.frame; raises GeometryError for none."""
        settings = frame.config.settings
        options = settings.costmap
        if isinstance(frame.robot_pose, GeometryError):
            raise frame.robot_pose
        projection = self._projection(find_ground_view(frame), options, frame.config.group_by_id)
        costs = projection.costs(frame.segmentation)
        if not options.frame:
            place, grid = settings.base_frame, PlacedGrid(costs)
            corner_m = (options.origin_m, options.origin_m)
        else:
            assert frame.robot_pose is not None
            place, grid = options.frame, in_fixed_frame(costs, options, frame.robot_pose)
            corner_m = (grid.column * options.resolution_m, grid.row * options.resolution_m)
        grid = self._blend(grid, options, frame)
        return _message(grid, options, Header(stamp=frame.header.stamp, frame_id=place), corner_m)

    def _blend(self, grid: PlacedGrid, options: CostmapSettings, frame: FrameResult) -> PlacedGrid:
        if not options.decay_s:
            self._memory.clear()
            return grid
        settings = frame.config.settings
        memory = self._memory(options, settings.base_frame, settings.camera)
        return memory.blend(grid, stamp_s(frame.header))


def _new_memory(options: CostmapSettings, base_frame: str, camera: object) -> CostmapMemory:
    """Return one without a past; costs are of that frame, seen from a camera mounted so."""
    del base_frame, camera
    return CostmapMemory(options.decay_s)


def _message(
    grid: PlacedGrid, options: CostmapSettings, header: Header, corner_m: tuple[float, float]
) -> OccupancyGrid:
    message = OccupancyGrid(header=header)
    info = message.info
    info.map_load_time = header.stamp
    info.resolution = float(options.resolution_m)
    info.height, info.width = grid.costs_hw.shape
    info.origin.position.x, info.origin.position.y = map(float, corner_m)
    info.origin.orientation.w = 1.0
    message.data = array.array('b', grid.costs_hw.tobytes())
    return message
