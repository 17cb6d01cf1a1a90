# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Throttle of log messages by their cause: one that repeats does not hide another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
import math
import re
import time

# Values of one image, which make the same trouble another text: numbers and what is quoted.
_VALUE = re.compile(r"""'[^']*'|"[^"]*"|\[[^]]*]|-?\d+(\.\d+)?""")
_MOST_CAUSES = 64


class MessageThrottle:
    """
    Decides which messages are due: each cause once in a while, and few in all.

    Two messages have one cause if they differ in numbers and quoted values alone. For one thread.
    """

    def __init__(
        self, period_s: float, most_in_period: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Let a cause pass once in period_s, and most_in_period messages of all causes."""
        self._period_s = period_s
        self._most_in_period = most_in_period
        self._clock = clock
        self._passed_s: OrderedDict[str, float] = OrderedDict()
        self._period_began_s, self._passed_in_period = -math.inf, 0

    def is_due(self, message: str) -> bool:
        """Return whether to log a message now; if so it counts as logged."""
        now_s, cause = self._clock(), _VALUE.sub('?', message)
        if now_s - self._passed_s.get(cause, -math.inf) < self._period_s:
            return False
        if now_s - self._period_began_s >= self._period_s:
            self._period_began_s, self._passed_in_period = now_s, 0
        if self._passed_in_period >= self._most_in_period:
            return False
        self._passed_in_period += 1
        self._passed_s.pop(cause, None)
        self._passed_s[cause] = now_s
        # Peers choose what they send, so there may be ever more causes.
        while len(self._passed_s) > _MOST_CAUSES:
            self._passed_s.popitem(last=False)
        return True
