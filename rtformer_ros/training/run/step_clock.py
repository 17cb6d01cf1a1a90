# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure how long steps take, and how much of it is waiting for crops."""

from __future__ import annotations

from collections import deque
import time

_WINDOW = 50
_STARVED_SHARE = 0.15


class StepClock:
    """Time the last 50 steps; call `batch_came` and `step_taken` in turn."""

    def __init__(self) -> None:
        """Start timing."""
        self._waits_s: deque[float] = deque(maxlen=_WINDOW)
        self._totals_s: deque[float] = deque(maxlen=_WINDOW)
        self._started = self._came = time.monotonic()

    def restart(self) -> None:
        """Leave out what happened since the last step (validation, saving)."""
        self._started = time.monotonic()

    def batch_came(self) -> None:
        """Note that the wait for a batch is over."""
        self._came = time.monotonic()

    def step_taken(self) -> None:
        """Note that a step is over and the wait for the next batch begins."""
        now = time.monotonic()
        self._waits_s.append(self._came - self._started)
        self._totals_s.append(now - self._started)
        self._started = now

    @property
    def steps_per_s(self) -> float:
        """Rate of the last steps; 0 before the first."""
        total = sum(self._totals_s)
        return len(self._totals_s) / total if total else 0.0

    @property
    def waiting_share(self) -> float:
        """Share of the time, 0..1, in which the network waited for crops."""
        total = sum(self._totals_s)
        return sum(self._waits_s) / total if total else 0.0

    @property
    def is_starved(self) -> bool:
        """Whether over a full window the network waited for more than 15 % of the time."""
        return len(self._totals_s) == _WINDOW and self.waiting_share > _STARVED_SHARE
