# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Timing of what runs on a GPU, from pixels on the host to results on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time

from rtformer_ros.stream.statistics import Distribution

_WARM_UP_S = 0.5
_LEAST_WARM_UPS = 3


@dataclass(frozen=True)
class GpuTiming:
    """Times of one call, and how many images a second go through in calls one after the other."""

    runs: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    images_per_s: float


def time_calls(
    call: Callable[[], object],
    runs: int,
    images_per_call: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> GpuTiming:
    """
    Call until the clocks of the GPU are up (half a second), then `runs` times with the watch.

    call: returns when its results are on the host. clock: returns seconds.
    """
    warm_ups, started_s = 0, clock()
    while warm_ups < _LEAST_WARM_UPS or clock() - started_s < _WARM_UP_S:
        call()
        warm_ups += 1
    times_ms = []
    started_s = before_s = clock()
    for _ in range(runs):
        call()
        now_s = clock()
        times_ms.append((now_s - before_s) * 1e3)
        before_s = now_s
    times = Distribution.of(times_ms)
    per_s = runs * images_per_call / (before_s - started_s)
    return GpuTiming(runs, times.p50_ms, times.p95_ms, times.max_ms, per_s)
