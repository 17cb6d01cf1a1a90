# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Notice that somebody wants the run to end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import signal
from types import FrameType


class StopRequest:
    """Set by SIGINT or SIGTERM; the run then ends after the step it is in."""

    is_set = False

    def set(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.is_set = True


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request while the context lasts."""
    request = StopRequest()
    before = {number: signal.signal(number, request.set) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
