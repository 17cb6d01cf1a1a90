# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Stream statistics: counts of frames, rates, and latency of each stage over a sliding window."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import threading
import time

WINDOW_FRAMES = 300
"""Length of the sliding window for percentiles and rates, in frames."""

RATE_HORIZON_S = 10.0
"""Length of the sliding window for rates, in seconds."""

STAGES = ('wait', 'convert', 'preprocess', 'infer', 'postprocess', 'publish')
"""
What a frame goes through, in order.

'wait' is from its arrival to its start and, in a batch, while others of the batch have their turn.
"""


@dataclass(frozen=True)
class Distribution:
    """Median, 95th percentile and maximum of recent durations, in milliseconds."""

    p50_ms: float
    p95_ms: float
    max_ms: float

    @classmethod
    def of(cls, values_ms: list[float]) -> Distribution:
        """Return the nearest-rank percentiles of at least one value."""
        ordered = sorted(values_ms)
        last = len(ordered) - 1
        return cls(ordered[round(last * 0.5)], ordered[round(last * 0.95)], ordered[-1])


@dataclass(frozen=True)
class Statistics:
    """
    Statistics of a stream at one moment.

    counts: totals since the start ('received', 'segmented', 'failed' and one per cause of a
    drop). stages: distribution by stage, plus 'total' (arrival to published), 'overhead' (total
    without infer) and, where stamps make sense, 'stamp' (camera stamp to published).
    """

    counts: Mapping[str, int]
    input_hz: float
    output_hz: float
    stages: Mapping[str, Distribution]
    last_error: str


class StatisticsCollector:
    """Statistics collector of one stream of frames; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing; `clock` returns seconds and never goes back."""
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._received_s: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._segmented_s: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._stages: dict[str, deque[float]] = {}
        self._last_error = ''

    def received(self) -> None:
        """Count a frame that arrived."""
        with self._lock:
            self._counts['received'] += 1
            self._received_s.append(self._clock())

    def dropped(self, cause: str) -> None:
        """Count a frame that was left out for that reason."""
        with self._lock:
            self._counts[cause] += 1

    def failed(self, cause: str, error: str) -> None:
        """Count a frame that an error ended, and remember the error."""
        with self._lock:
            self._counts[cause] += 1
            self._last_error = error

    def segmented(self, stages_ms: Mapping[str, float], stamp_ms: float | None) -> None:
        """
        Count a frame that was published.

        stages_ms: milliseconds by stage; stamp_ms: age of its stamp when it was published, None
        where the stamp's clock is not this machine's.
        """
        total_ms = sum(stages_ms.values())
        values_ms = dict(stages_ms)
        values_ms['total'] = total_ms
        values_ms['overhead'] = total_ms - stages_ms.get('infer', 0.0)
        if stamp_ms is not None:
            values_ms['stamp'] = stamp_ms
        with self._lock:
            self._counts['segmented'] += 1
            self._segmented_s.append(self._clock())
            for stage, value_ms in values_ms.items():
                self._stages.setdefault(stage, deque(maxlen=WINDOW_FRAMES)).append(value_ms)

    def statistics(self) -> Statistics:
        """Return the statistics as they are now."""
        with self._lock:
            now_s = self._clock()
            return Statistics(
                counts=dict(self._counts),
                input_hz=_rate_hz(self._received_s, now_s),
                output_hz=_rate_hz(self._segmented_s, now_s),
                stages={stage: Distribution.of(list(v)) for stage, v in self._stages.items()},
                last_error=self._last_error,
            )


@dataclass
class StageClock:
    """Stopwatch with a lap for each stage of a frame; laps of the same stage add up."""

    started_s: float
    stages_ms: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        """End a stage now, and start the next."""
        now_s = time.monotonic()
        lap_ms = (now_s - self.started_s) * 1e3
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + lap_ms
        self.started_s = now_s


def _rate_hz(times_s: deque[float], now_s: float) -> float:
    recent = [t for t in times_s if now_s - t <= RATE_HORIZON_S]
    if len(recent) < 2:
        return 0.0
    # The time since the last frame counts once it is longer than the frames' own interval, so
    # that a stream that stops is seen to slow down.
    interval_s = (recent[-1] - recent[0]) / (len(recent) - 1)
    span_s = recent[-1] - recent[0] + max(interval_s, now_s - recent[-1])
    return len(recent) / span_s if span_s > 0 else 0.0
