# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.stream.rate_limit import RateLimit


def passed(limit_hz: float, camera_hz: float, jitter: float = 0.0, seconds: float = 20.0) -> int:
    limit = RateLimit(limit_hz)
    noise = np.random.default_rng(0).uniform(-jitter, jitter, int(seconds * camera_hz))
    times_s = (np.arange(len(noise)) + noise) / camera_hz
    return sum(limit.allows(t) for t in times_s)


@pytest.mark.parametrize('jitter', [0.0, 0.15])
@pytest.mark.parametrize(('limit_hz', 'camera_hz', 'rate_hz'), [(15, 30, 15), (10, 30, 10)])
def test_whole_fraction_of_the_camera_rate(limit_hz, camera_hz, rate_hz, jitter):
    assert passed(limit_hz, camera_hz, jitter) == pytest.approx(rate_hz * 20, abs=2)


@pytest.mark.parametrize('limit_hz', [1.0, 7.0, 12.5, 29.0])
def test_never_more_than_the_limit(limit_hz):
    assert passed(limit_hz, 30, 0.3) <= limit_hz * 20 + 1


def test_limit_above_the_camera_rate_and_no_limit_let_all_through():
    assert passed(60, 30, 0.1) == 600
    assert passed(0, 30, 0.4) == 600


def test_a_pause_saves_up_no_burst():
    limit = RateLimit(10.0)
    assert limit.allows(0.0)
    assert [limit.allows(100.0 + i * 0.01) for i in range(11)].count(True) <= 3
