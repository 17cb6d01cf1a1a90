# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One cause of trouble neither floods the log nor hides another."""

from rtformer_ros.stream.message_throttle import MessageThrottle


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def throttle_and_clock(period_s=5.0, most=10):
    clock = Clock()
    return MessageThrottle(period_s, most, clock), clock


def test_a_cause_passes_once_in_a_period():
    throttle, clock = throttle_and_clock()
    passed = []
    for tenth in range(150):
        clock.now_s = tenth / 10
        if throttle.is_due(f"image of {tenth} bytes; expected '{tenth}x{tenth}' [1, {tenth}]"):
            passed.append(clock.now_s)
    assert passed == [0.0, 5.0, 10.0]


def test_causes_that_take_turns_both_pass():
    throttle, _clock = throttle_and_clock()
    passed = [message for message in ('no rows', 'no columns') * 20 if throttle.is_due(message)]
    assert passed == ['no rows', 'no columns']


def test_ever_new_causes_are_few_in_a_period_and_forgotten():
    throttle, clock = throttle_and_clock(most=10)
    words = [''.join(chr(97 + int(digit)) for digit in str(number)) for number in range(10_000)]
    assert sum(throttle.is_due(word) for word in words) == 10
    for period in range(1, 100):
        clock.now_s = 5.0 * period
        assert sum(throttle.is_due(word) for word in words[period * 50 : period * 50 + 50]) == 10
    assert len(throttle._passed_s) <= 64
