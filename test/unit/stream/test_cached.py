# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import pytest
from rtformer_ros.stream.cached import Cached


def counted(calls):
    def make(*arguments, **options):
        calls.append((arguments, options))
        return object()

    return Cached(make)


def test_equal_arguments_are_computed_once():
    calls = []
    cached = counted(calls)
    first = cached([1, 2], size={'a': 1})
    assert cached([1, 2], size={'a': 1}) is first
    assert calls == [(([1, 2],), {'size': {'a': 1}})]


def test_only_the_last_value_is_kept():
    calls = []
    cached = counted(calls)
    first = cached(1)
    assert cached(2) is not first
    assert cached(1) is not first
    assert len(calls) == 3


def test_a_failure_is_not_kept_and_costs_no_value():
    calls = []

    def invert(number):
        calls.append(number)
        return 1 / number

    cached = Cached(invert)
    assert cached(2) == 0.5
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cached(0)
    assert cached(2) == 0.5
    assert calls == [2, 0, 0]


def test_none_is_a_value_and_a_cleared_cache_has_none():
    calls = []
    cached = Cached(calls.append)
    cached(1)
    cached(1)
    assert calls == [1]
    cached.clear()
    cached(1)
    assert calls == [1, 1]
