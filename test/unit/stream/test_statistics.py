# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.stream.statistics import Distribution, StageClock, StatisticsCollector


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(clock) -> StatisticsCollector:
    return StatisticsCollector(clock)


@pytest.mark.parametrize('count', [1, 2, 19, 100, 301])
def test_distribution_is_that_of_numpy(count):
    values = np.random.default_rng(count).exponential(10, count)
    found = Distribution.of(list(values))
    for q, value in ((50, found.p50_ms), (95, found.p95_ms), (100, found.max_ms)):
        assert value == np.percentile(values, q, method='nearest')


def test_rate_is_the_frames_per_second(clock, collector):
    for _ in range(50):
        collector.received()
        clock.now_s += 0.1
    assert collector.statistics().input_hz == pytest.approx(10.0)
    clock.now_s += 3.0
    assert collector.statistics().input_hz < 8.0
    clock.now_s += 20.0
    assert collector.statistics().input_hz == 0.0


def test_counts_stages_and_errors(collector):
    collector.received()
    collector.dropped('newer frame')
    collector.failed('malformed', 'short data')
    for infer_ms in (10.0, 20.0, 30.0):
        collector.segmented({'wait': 1.0, 'infer': infer_ms, 'publish': 2.0}, stamp_ms=None)
    statistics = collector.statistics()
    assert statistics.counts == {'received': 1, 'newer frame': 1, 'malformed': 1, 'segmented': 3}
    assert statistics.last_error == 'short data'
    assert statistics.stages['infer'] == Distribution(20.0, 30.0, 30.0)
    assert statistics.stages['total'] == Distribution(23.0, 33.0, 33.0)
    assert statistics.stages['overhead'] == Distribution(3.0, 3.0, 3.0)
    assert 'stamp' not in statistics.stages


def test_stages_follow_each_other_without_gaps():
    import time

    started_s = time.monotonic()
    clock = StageClock(started_s)
    for stage in ('wait', 'infer'):
        clock.lap(stage)
    assert sum(clock.stages_ms.values()) == pytest.approx((clock.started_s - started_s) * 1e3)
    assert list(clock.stages_ms) == ['wait', 'infer']
