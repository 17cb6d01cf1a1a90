"""Make ~/costmap: what the ground around the robot costs a planner."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from nav_msgs.msg import OccupancyGrid
from rclpy.time import Time
from std_msgs.msg import Header

from rtformer_ros.geometry.costmap import CostmapMemory, CostmapProjection
from rtformer_ros.ros.output.ground_view import find_ground_view, group_by_id

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rtformer_ros.geometry.costmap import CostmapSettings
    from rtformer_ros.ros.frames.result import FrameResult
    from rtformer_ros.ros.interface.projection_settings import CostmapOptions


class CostmapMaker:
    """Makes the grids of one camera; keeps its projection, and a memory where asked to."""

    def __init__(self) -> None:
        """Start with neither."""
        self._key: object = None
        self._projection: CostmapProjection | None = None
        self._memory: CostmapMemory | None = None
        self._memory_of: CostmapOptions | None = None

    def __call__(self, frame: FrameResult) -> OccupancyGrid:
        """Return the grid in the base frame; raises GeometryError where there is none."""
        settings = frame.plan.settings
        costs = self._project(frame, settings.costmap.grid).costs(frame.segmentation)
        costs = self._blend(costs, settings.costmap, frame)
        return _message(costs, settings.costmap.grid, frame.header, settings.base_frame)

    def _project(self, frame: FrameResult, grid: CostmapSettings) -> CostmapProjection:
        view, groups = find_ground_view(frame), group_by_id(frame.plan)
        key = (view, grid, groups)
        if self._projection is None or key != self._key:
            self._projection = CostmapProjection(view, grid, groups)
            self._key = key
        return self._projection

    def _blend(
        self, costs: npt.NDArray[np.int8], options: CostmapOptions, frame: FrameResult
    ) -> npt.NDArray[np.int8]:
        if not options.decay_s:
            self._memory = None
            return costs
        if self._memory is None or options != self._memory_of:
            self._memory, self._memory_of = CostmapMemory(options.decay_s), options
        return self._memory.blend(costs, Time.from_msg(frame.header.stamp).nanoseconds / 1e9)


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
