"""Keep what earlier frames said about the ground."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.costmap import UNKNOWN_COST

Costs = npt.NDArray[np.int8]

# Let a cost that has faded go free rather than linger near 0.
_LEAST_COST = 0.5


class CostmapMemory:
    """
    Blends the costs of frames, forgetting within `decay_s` seconds; not thread-safe.

    A cell in sight has its new cost, or what is left of an older, higher one, which falls to 37 %
    within decay_s: an obstacle that is missed in one frame does not vanish at once. A cell out of
    sight keeps its last cost for decay_s, then it is unknown.
    The grid is tied to the robot, and its motion is not compensated: with decay_s beyond what the
    robot needs for the way of one cell, costs smear along its path.
    """

    def __init__(self, decay_s: float) -> None:
        """Start with nothing seen; raises ConfigError unless decay_s is more than 0."""
        if not decay_s > 0:
            raise ConfigError(f'the costmap decays within {decay_s:g} s; expected more than 0')
        self._decay_s = decay_s
        self._costs_hw: npt.NDArray[np.float32] | None = None
        self._unseen_s_hw = np.empty((0, 0), np.float32)
        self._last_s = 0.0

    def blend(self, costs: Costs, time_s: float) -> Costs:
        """
        Return the costs (int8, -1 unknown) of a frame at that time with those of earlier ones.

        A grid of another shape, or a time before the last one's, starts anew.
        """
        seen = costs != UNKNOWN_COST
        past = self._costs_hw
        elapsed_s = time_s - self._last_s
        if past is None or past.shape != costs.shape or elapsed_s < 0:
            past = np.full(costs.shape, UNKNOWN_COST, np.float32)
            self._unseen_s_hw = np.zeros(costs.shape, np.float32)
            elapsed_s = 0.0
        self._last_s = time_s
        self._unseen_s_hw += np.float32(elapsed_s)
        self._unseen_s_hw[seen] = 0.0
        faded = past * np.float32(np.exp(-elapsed_s / self._decay_s))
        faded[faded < _LEAST_COST] = UNKNOWN_COST
        past[self._unseen_s_hw > self._decay_s] = UNKNOWN_COST
        self._costs_hw = np.where(seen, np.maximum(costs, faded), past)
        return np.rint(self._costs_hw).astype(np.int8)
