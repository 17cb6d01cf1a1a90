# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import random

import pytest
from rtformer_ros.stream.batch_gain import BatchGain


def said_after_trial(gain: BatchGain, alone_ms, together_ms, runs: int, cameras: int = 3) -> list:
    """Let an engine run that takes so long for an image, and return what was said before each."""
    said = []
    for _ in range(runs):
        said.append(gain.pays)
        gain.note(*((cameras, cameras * together_ms()) if said[-1] else (1, alone_ms())))
    return said


@pytest.mark.parametrize(
    ('alone_ms', 'together_ms', 'pays'),
    [
        (69.0, 67.3, False),
        (10.0, 9.0, False),
        (10.0, 12.0, False),
        (10.0, 8, True),
        (2.0, 0.8, True),
    ],
)
def test_batches_are_made_where_they_save_time(alone_ms, together_ms, pays):
    said = said_after_trial(BatchGain(), lambda: alone_ms, lambda: together_ms, 100)
    assert said[:10] == [False, True] * 5
    assert set(said[10:]) == {pays}


def test_a_first_slow_run_of_either_way_does_not_decide():
    for slow, pays in ((0, False), (1, True)):
        gain = BatchGain()
        for run in range(10):
            # Alone 10 ms; together 9.9 ms, which is no gain, or 5 ms, which is one.
            run_ms = 900.0 if run == slow else (10.0, 15.0 if pays else 29.7)[run % 2]
            gain.note((1, 3)[run % 2], run_ms)
        assert gain.pays == pays


@pytest.mark.parametrize('seed', range(20))
def test_a_busy_machine_does_not_make_batches_look_good(seed):
    """Other programs take up to 9 of 10 parts of the time, for a while each; a batch gains 2 %."""
    rng = random.Random(seed)
    phase = [0, 1.0]

    def disturbed(quiet_ms: float) -> float:
        if phase[0] == 0:
            phase[:] = rng.randint(1, 8), rng.choice([1, 1.5, 2, 4, 10])
        phase[0] -= 1
        return quiet_ms * phase[1] * rng.uniform(1, 1.5)

    said = said_after_trial(BatchGain(), lambda: disturbed(70), lambda: disturbed(68.6), 900)
    assert sum(said[10:]) <= 90


def test_the_other_way_is_tried_again_now_and_then():
    gain = BatchGain()
    # The engine becomes good at batches later on: another clock rate of its device.
    assert not any(said_after_trial(gain, lambda: 10.0, lambda: 10.0, 990)[10:])
    assert all(said_after_trial(gain, lambda: 10.0, lambda: 4.0, 900)[30:])
