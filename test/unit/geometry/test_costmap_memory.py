import math

import numpy as np
import pytest

from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.costmap import CostmapMemory


def grid(*costs):
    return np.array([costs], np.int8)


def test_a_missed_obstacle_fades_and_a_hidden_cell_is_kept_for_the_time_of_decay():
    memory = CostmapMemory(2.0)
    np.testing.assert_array_equal(memory.blend(grid(100, 100, 0, -1), 10.0), [[100, 100, 0, -1]])
    # The first is seen free, the others are out of sight.
    for time_s in (11.0, 11.9):
        left = round(100 * math.exp(-(time_s - 10.0) / 2.0))
        costs = memory.blend(grid(0, -1, -1, -1), time_s)
        np.testing.assert_array_equal(costs, [[left, 100, 0, -1]])
    costs = memory.blend(grid(0, -1, -1, 30), 12.1)
    np.testing.assert_array_equal(costs[0, 1:], [-1, -1, 30])
    assert memory.blend(grid(0, -1, -1, 30), 30.0)[0, 0] == 0


def test_a_higher_cost_counts_at_once():
    memory = CostmapMemory(5.0)
    memory.blend(grid(0, -1), 0.0)
    np.testing.assert_array_equal(memory.blend(grid(80, 60), 0.1), [[80, 60]])


def test_another_grid_or_a_time_that_goes_back_starts_anew():
    memory = CostmapMemory(5.0)
    memory.blend(grid(100, 100), 10.0)
    np.testing.assert_array_equal(memory.blend(grid(-1, 0), 9.0), [[-1, 0]])
    memory.blend(grid(100, 100), 10.0)
    np.testing.assert_array_equal(memory.blend(grid(-1, 0, 5), 10.1), [[-1, 0, 5]])


def test_a_decay_of_nothing_is_refused():
    with pytest.raises(ConfigError, match='more than 0'):
        CostmapMemory(0.0)
