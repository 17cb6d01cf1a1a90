# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rate limiter for frames."""

from __future__ import annotations

# Share of a period by which a frame may come early: camera clocks jitter, and at a limit of
# half the camera's rate every frame would else be late or early by chance.
_EARLY = 0.1


class RateLimit:
    """Rate limiter: over a long time no more frames pass than the rate allows."""

    def __init__(self, max_rate_hz: float) -> None:
        """Take the limit in frames per second; 0 is no limit."""
        self._period_s = 1.0 / max_rate_hz if max_rate_hz > 0 else 0.0
        self._due_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Return whether the frame that arrives now may pass; `now_s` never goes back."""
        if self._period_s == 0.0:
            return True
        if self._due_s is None:
            self._due_s = now_s
        if now_s < self._due_s - _EARLY * self._period_s:
            return False
        self._due_s = max(self._due_s, now_s - self._period_s) + self._period_s
        return True
