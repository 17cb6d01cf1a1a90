# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Occlusion in an occupancy grid: the cells that are hidden behind what stands upright."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Indices
    from rtformer_ros.geometry.camera_pose import CameraPose

UPRIGHT = 128
"""Bit of a cell's value that says: something upright is seen there. 0 is an unknown cell."""


class Occlusion:
    """
    Hides what lies behind obstacles in a grid of values, for one pose of the camera.

    Seen on flat ground, an upright obstacle covers all from its foot to where the line of sight
    over its top meets the ground. Only its foot is where it seems to be. So along each line from
    the camera's foot outward, the upright cells after the first of a row are made unknown, but
    for `depth_m`. A row ends at a flat cell: there the ground is in sight again.
    """

    def __init__(
        self,
        pose: CameraPose,
        centres_n2: npt.NDArray[np.float64],
        seen_m: Indices,
        resolution_m: float,
        depth_m: float,
    ) -> None:
        """
        Prepare the lines.

        centres_n2: x, y of all cells in metres; seen_m: the indices of those in sight.
        """
        step_m = resolution_m / 2
        self._depth_steps = math.ceil(depth_m / step_m)
        self._seen_m = seen_m
        offsets_n2 = centres_n2[seen_m] - pose.position_m[:2]
        range_m = np.hypot(offsets_n2[:, 0], offsets_n2[:, 1])
        bearing = np.arctan2(offsets_n2[:, 1], offsets_n2[:, 0]) - pose.heading_rad
        bearing = (bearing + math.pi) % (2 * math.pi) - math.pi
        farthest_m = max(float(range_m.max(initial=0.0)), resolution_m)
        bearing_step = resolution_m / farthest_m
        first_bearing = float(bearing.min(initial=0.0))
        columns = np.rint((bearing - first_bearing) / bearing_step).astype(np.intp)
        rows = np.rint(range_m / step_m).astype(np.intp)
        lines = int(columns.max(initial=0)) + 1
        steps = int(rows.max(initial=0)) + 1
        self._line_cell_rc = _nearest_cells(
            centres_n2,
            np.asarray(pose.position_m[:2]),
            pose.heading_rad + first_bearing + np.arange(lines) * bearing_step,
            np.arange(steps) * step_m,
            resolution_m,
        )
        self._place_m = rows * lines + columns
        self._row_r1 = np.arange(steps, dtype=np.int16)[:, np.newaxis]

    def hide(self, values_n: npt.NDArray[np.uint8]) -> None:
        """Make the hidden cells of a row-major grid unknown (0), in place."""
        padded = np.append(values_n, np.uint8(0))
        lines_rc = padded.take(self._line_cell_rc)
        is_upright = lines_rc >= UPRIGHT
        is_flat = (lines_rc > 0) & ~is_upright
        last_flat = np.maximum.accumulate(np.where(is_flat, self._row_r1, -1), axis=0)
        last_upright = np.maximum.accumulate(np.where(is_upright, self._row_r1, -1), axis=0)
        is_foot = is_upright.copy()
        is_foot[1:] &= last_flat[1:] >= last_upright[:-1]
        foot = np.maximum.accumulate(np.where(is_foot, self._row_r1, -1), axis=0)
        is_hidden = is_upright & (self._row_r1 - foot > self._depth_steps)
        hidden_m = self._seen_m[is_hidden.take(self._place_m)]
        values_n[hidden_m] *= values_n[hidden_m] < UPRIGHT


def _nearest_cells(
    centres_n2: npt.NDArray[np.float64],
    start_2: npt.NDArray[np.float64],
    bearings_c: npt.NDArray[np.float64],
    ranges_r: npt.NDArray[np.float64],
    resolution_m: float,
) -> Indices:
    """Return the cell at each range and bearing, [R, C]; outside the grid, one past the last."""
    side = math.isqrt(len(centres_n2))
    x_rc = start_2[0] + np.outer(ranges_r, np.cos(bearings_c))
    y_rc = start_2[1] + np.outer(ranges_r, np.sin(bearings_c))
    columns = np.rint((x_rc - centres_n2[0, 0]) / resolution_m).astype(np.intp)
    rows = np.rint((y_rc - centres_n2[0, 1]) / resolution_m).astype(np.intp)
    is_inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    return np.where(is_inside, rows * side + columns, len(centres_n2))
