# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CPU time: what a function costs one core, however busy the others are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import time

from rtformer_ros.stream.statistics import Distribution

_WARM_UP_RUNS = 5


@contextmanager
def opencv_on_one_core() -> Iterator[None]:
    """Keep OpenCV from spreading its work over threads whose time is not counted."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def cpu_times(run: Callable[[], object], runs: int) -> Distribution:
    """Return the CPU time of this thread for a call, after some that are not counted."""
    for _ in range(_WARM_UP_RUNS):
        run()
    times_ms = []
    for _ in range(runs):
        started_s = time.thread_time()
        run()
        times_ms.append((time.thread_time() - started_s) * 1e3)
    return Distribution.of(times_ms)
