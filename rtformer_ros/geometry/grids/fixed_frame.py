# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From the robot's own grid to one in a frame that does not move with it, as odom."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.grids.placed_grid import PlacedGrid, UNKNOWN_COST

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.geometry.costmap import CostmapSettings

# Beyond this a float64 no longer tells neighbouring cells apart, and nobody drives.
_FARTHEST_M = 1e7


@dataclass(frozen=True)
class PlanarPose:
    """
    Pose of the robot's base frame in a fixed frame, on the ground: x, y in metres, yaw in radians.

    Raises GeometryError for numbers that are no pose.
    """

    x_m: float
    y_m: float
    yaw_rad: float

    def __post_init__(self) -> None:
        """Check all values."""
        values = (self.x_m, self.y_m, self.yaw_rad)
        if not all(map(math.isfinite, values)) or max(map(abs, values)) > _FARTHEST_M:
            raise GeometryError(
                f'the robot is at {values}; expected x and y up to {_FARTHEST_M:g} m, and a yaw'
            )

    @classmethod
    def from_quaternion(
        cls,
        position_m: tuple[float, float, float],
        quaternion_xyzw: tuple[float, float, float, float],
    ) -> PlanarPose:
        """Return the pose of a transform from the base to the fixed frame, as TF has it."""
        x, y, z, w = quaternion_xyzw
        # Where the base's x axis points, seen from above; a quaternion of any length does.
        yaw_rad = math.atan2(2 * (x * y + z * w), w * w + x * x - y * y - z * z)
        if not math.hypot(*quaternion_xyzw) > 1e-6:
            raise GeometryError(f'{quaternion_xyzw} is no rotation; expected a unit quaternion')
        return cls(position_m[0], position_m[1], yaw_rad)


def in_fixed_frame(
    costs_hw: npt.NDArray[np.int8], settings: CostmapSettings, pose: PlanarPose
) -> PlacedGrid:
    """
    Return the robot's grid turned into the cells of a fixed frame, with the robot in the middle.

    costs_hw: int8 [cells, cells] in the base frame, as CostmapProjection.costs. The grid returned
    has as many cells, whole ones of the fixed frame: the same place is always the same cell. Its
    cells take the cost at their own centre, or a higher one whose centre falls into them, so that
    no obstacle gets lost between two cells.
    """
    cells, resolution_m = settings.cells, settings.resolution_m
    row = round(pose.y_m / resolution_m - cells / 2)
    column = round(pose.x_m / resolution_m - cells / 2)
    # The robot in cells from the corner of the grid, and its directions ahead and to the left.
    x, y = pose.x_m / resolution_m - column, pose.y_m / resolution_m - row
    cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    centres = np.arange(cells) + 0.5
    # Backward: at each cell of the fixed frame the robot's cell that its centre is in.
    dx, dy = centres[np.newaxis, :] - x, centres[:, np.newaxis] - y
    columns_hw = np.floor(cos * dx + sin * dy + cells / 2).astype(np.intp)
    rows_hw = np.floor(-sin * dx + cos * dy + cells / 2).astype(np.intp)
    padded = np.pad(costs_hw, 1, constant_values=UNKNOWN_COST)
    turned_hw = padded[np.clip(rows_hw, -1, cells) + 1, np.clip(columns_hw, -1, cells) + 1]
    # Forward: the cell of the fixed frame that the centre of each known one of the robot's is in.
    known_rows, known_columns = np.nonzero(costs_hw != UNKNOWN_COST)
    ahead, left = centres[known_columns] - cells / 2, centres[known_rows] - cells / 2
    columns_n = np.floor(cos * ahead - sin * left + x).astype(np.intp)
    rows_n = np.floor(sin * ahead + cos * left + y).astype(np.intp)
    is_inside = (rows_n >= 0) & (rows_n < cells) & (columns_n >= 0) & (columns_n < cells)
    np.maximum.at(
        turned_hw,
        (rows_n[is_inside], columns_n[is_inside]),
        costs_hw[known_rows[is_inside], known_columns[is_inside]],
    )
    return PlacedGrid(turned_hw, row, column)
