# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.geometry.grids.placed_grid import fused, PlacedGrid, shifted


def cells_of(grid: PlacedGrid) -> dict[tuple[int, int], int]:
    """The costs of known cells by their row and column in the frame."""
    return {
        (grid.row + row, grid.column + column): int(cost)
        for (row, column), cost in np.ndenumerate(grid.costs_hw)
        if cost >= 0
    }


def random_grid(seed: int, row: int = 0, column: int = 0) -> PlacedGrid:
    costs_hw = np.random.default_rng(seed).integers(-1, 101, (7, 9)).astype(np.int8)
    return PlacedGrid(costs_hw, row, column)


@pytest.mark.parametrize('rows', [-8, -7, -3, 0, 1, 6, 7, 30])
@pytest.mark.parametrize('columns', [-9, -1, 0, 8, 12])
def test_shift_is_that_of_a_window_over_cells_that_stay(rows, columns):
    before = random_grid(1)
    moved = PlacedGrid(shifted(before.costs_hw, rows, columns, -1), rows, columns)
    assert moved.costs_hw.shape == (7, 9)
    assert cells_of(moved) == {
        (row, column): cost
        for (row, column), cost in cells_of(before).items()
        if 0 <= row - rows < 7 and 0 <= column - columns < 9
    }
    assert before.costs_hw.tobytes() == random_grid(1).costs_hw.tobytes()


def test_fused_cells_have_the_highest_cost_that_is_known_in_the_window_of_the_last():
    grids = [random_grid(2, -3, 4), random_grid(3, 2, 1), random_grid(4, 0, 0)]
    expected: dict[tuple[int, int], int] = {}
    for grid in grids:
        for place, cost in cells_of(grid).items():
            if 0 <= place[0] < 7 and 0 <= place[1] < 9:
                expected[place] = max(cost, expected.get(place, -1))
    result = fused(grids)
    assert (result.row, result.column) == (0, 0)
    assert cells_of(result) == expected
    np.testing.assert_array_equal(fused(grids[:1]).costs_hw, grids[0].costs_hw)
