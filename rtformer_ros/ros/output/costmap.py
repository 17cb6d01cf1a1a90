# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/costmap: nav_msgs/OccupancyGrid of what the ground costs a planner."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from nav_msgs.msg import OccupancyGrid
from rtformer_ros.geometry.costmap import CostmapMemory, CostmapProjection
from rtformer_ros.ros.input.stamp import stamp_s
from rtformer_ros.ros.output.ground_view import find_ground_view
from rtformer_ros.stream.cached import Cached
from std_msgs.msg import Header

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.geometry.costmap import CostmapSettings
    from rtformer_ros.ros.frames.result import FrameResult


class CostmapConverter:
    """Converter of one camera's frames; caches its projection, and a memory where asked to."""

    def __init__(self) -> None:
        """Start with neither."""
        self._projection = Cached(CostmapProjection)
        self._memory = Cached(_new_memory)

    def __call__(self, frame: FrameResult) -> OccupancyGrid:
        """Return the grid in the base frame; raises GeometryError where there is none."""
        settings = frame.config.settings
        grid = settings.costmap
        projection = self._projection(find_ground_view(frame), grid, frame.config.group_by_id)
        costs = self._blend(projection.costs(frame.segmentation), grid, frame)
        return _message(costs, grid, frame.header, settings.base_frame)

    def _blend(
        self, costs: npt.NDArray[np.int8], grid: CostmapSettings, frame: FrameResult
    ) -> npt.NDArray[np.int8]:
        if not grid.decay_s:
            self._memory.clear()
            return costs
        return self._memory(grid).blend(costs, stamp_s(frame.header))


def _new_memory(grid: CostmapSettings) -> CostmapMemory:
    return CostmapMemory(grid.decay_s)


def _message(
    costs: npt.NDArray[np.int8], grid: CostmapSettings, image_header: Header, base_frame: str
) -> OccupancyGrid:
    message = OccupancyGrid(header=Header(stamp=image_header.stamp, frame_id=base_frame))
    info = message.info
    info.map_load_time = image_header.stamp
    info.resolution = float(grid.resolution_m)
    info.height, info.width = costs.shape
    info.origin.position.x = info.origin.position.y = float(grid.origin_m)
    info.origin.orientation.w = 1.0
    message.data = array.array('b', costs.tobytes())
    return message
