# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from collections import Counter
import threading

import pytest
from rtformer_ros.stream.latest_queue import LatestQueue


def queue_of(*sources: str, **options) -> LatestQueue[str, int]:
    queue = LatestQueue[str, int](**options)
    for source in sources:
        queue.add_source(source)
    return queue


def test_newest_item_displaces_the_one_that_waits():
    queue = queue_of('a')
    assert not queue.put('a', 1)
    assert queue.put('a', 2)
    assert queue.get() == [('a', 2)]
    assert not queue.put('a', 3)
    assert queue.get() == [('a', 3)]


def test_an_item_does_not_displace_one_of_another_source():
    queue = queue_of('a', 'b')
    assert not queue.put('a', 1)
    assert not queue.put('b', 2)
    assert queue.get(most=5) == [('a', 1), ('b', 2)]


def test_close_wakes_who_waits_and_forgets_what_is_there():
    queue = queue_of('a')
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(queue.get()))
    waiter.start()
    queue.close()
    waiter.join(10)
    assert taken == [[]]
    assert not queue.put('a', 1)
    assert queue.get() == []


def test_strangers_and_those_who_have_left_are_ignored():
    queue = queue_of('a', 'b')
    queue.put('a', 1)
    queue.remove_source('a')
    assert not queue.put('a', 2)
    assert not queue.put('stranger', 3)
    queue.put('b', 4)
    assert queue.get(most=3) == [('b', 4)]
    assert len(queue) == 1


def test_every_item_is_taken_or_displaced():
    queue = queue_of('a')
    taken: list[int] = []

    def take() -> None:
        while items := queue.get():
            taken.extend(item for _, item in items)

    taker = threading.Thread(target=take)
    taker.start()
    displaced = sum(queue.put('a', i) for i in range(1, 5001))
    while len(taken) + displaced < 5000:
        pass
    queue.close()
    taker.join(10)
    assert taken == sorted(taken)
    assert taken[-1] == 5000


@pytest.mark.parametrize('most', [1, 2, 3])
def test_turns_are_shared_fairly_whatever_the_rates(most):
    """Max-min fairness: who asks for less than a share gets all, the rest get the same."""
    queue = queue_of('slow', 'quick', 'quicker', 'quickest')
    put, got = Counter(), Counter()
    for tick in range(2000):
        frames = {'slow': tick % 10 == 0, 'quick': 3, 'quicker': 5, 'quickest': 20}
        for source, count in frames.items():
            for _ in range(count):
                queue.put(source, 0)
                put[source] += 1
        got.update(source for source, _ in queue.get(most))
    assert got['slow'] >= put['slow'] - 1
    equal = (2000 * most - got['slow']) / 3
    for source in ('quick', 'quicker', 'quickest'):
        assert abs(got[source] - min(equal, 2000)) <= 2


def test_a_frame_waits_for_those_that_are_to_come():
    queue = queue_of('a', 'b')
    queue.put('a', 1)
    queue.put('b', 2)
    assert len(queue.get(most=2)) == 2
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(queue.get(most=2, wait_s=60.0)))
    waiter.start()
    queue.put('b', 3)
    queue.put('a', 4)
    waiter.join(10)
    assert sorted(taken[0]) == [('a', 4), ('b', 3)]


@pytest.mark.parametrize(('most', 'wait_s', 'silence_s'), [(2, 0.0, 0.0), (1, 60, 0), (2, 60, 5)])
def test_nobody_waits_in_vain(most, wait_s, silence_s):
    """Not without a wish to, nor for a batch of one, nor for a camera that has died."""
    now_s = [100.0]
    queue = queue_of('a', 'b', clock=lambda: now_s[0])
    queue.put('b', 0)
    queue.get()
    now_s[0] += silence_s
    queue.put('a', 1)
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(queue.get(most, wait_s)))
    waiter.start()
    waiter.join(10)
    assert taken == [[('a', 1)]]
    queue.close()
