# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costs of a grid and where it lies, in whole cells; moved and merged without a blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

UNKNOWN_COST = -1


@dataclass(frozen=True)
class PlacedGrid:
    """
    Grid of costs at its place in a frame.

    costs_hw: int8 [H, W], 0..100 or -1 (unknown); row along y, column along x. row, column: of its
    first cell in the frame, whose cell 0, 0 has its corner of least x and y at the origin.
    """

    costs_hw: npt.NDArray[np.int8]
    row: int = 0
    column: int = 0


def shifted(grid_hw: npt.NDArray[Any], rows: int, columns: int, fill: float) -> npt.NDArray[Any]:
    """
    Return the grid as it is seen from a window that has moved by whole cells; its own shape.

    Cell [r, c] is that at [r + rows, c + columns] of the grid, `fill` where the grid has none.
    """
    if not rows and not columns:
        return grid_hw
    moved_hw = np.full_like(grid_hw, fill)
    height, width = grid_hw.shape
    if abs(rows) < height and abs(columns) < width:
        moved_hw[_overlap(-rows, height), _overlap(-columns, width)] = grid_hw[
            _overlap(rows, height), _overlap(columns, width)
        ]
    return moved_hw


def fused(grids: Sequence[PlacedGrid]) -> PlacedGrid:
    """
    Return grids of one shape and one frame as one, at the place of the last.

    A cell has the highest cost that one of them knows, so an obstacle outweighs free ground and
    what is known the unknown.
    """
    last = grids[-1]
    costs_hw = last.costs_hw
    for grid in grids[:-1]:
        there_hw = shifted(
            grid.costs_hw, last.row - grid.row, last.column - grid.column, UNKNOWN_COST
        )
        costs_hw = np.maximum(costs_hw, there_hw)
    return PlacedGrid(costs_hw, last.row, last.column)


def _overlap(offset: int, length: int) -> slice:
    return slice(max(offset, 0), length + min(offset, 0))
