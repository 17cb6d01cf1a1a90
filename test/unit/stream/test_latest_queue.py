import threading
from collections import Counter

import pytest

from rtformer_ros.stream.latest_queue import Mailbox


def mailbox_of(*senders: str, **options) -> Mailbox[str, int]:
    mailbox = Mailbox[str, int](**options)
    for sender in senders:
        mailbox.admit(sender)
    return mailbox


def test_newest_item_displaces_the_one_that_waits():
    mailbox = mailbox_of('a')
    assert not mailbox.put('a', 1)
    assert mailbox.put('a', 2)
    assert mailbox.take() == [('a', 2)]
    assert not mailbox.put('a', 3)
    assert mailbox.take() == [('a', 3)]


def test_an_item_does_not_displace_one_of_another_sender():
    mailbox = mailbox_of('a', 'b')
    assert not mailbox.put('a', 1)
    assert not mailbox.put('b', 2)
    assert mailbox.take(most=5) == [('a', 1), ('b', 2)]


def test_close_wakes_who_waits_and_forgets_what_is_there():
    mailbox = mailbox_of('a')
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(mailbox.take()))
    waiter.start()
    mailbox.close()
    waiter.join(10)
    assert taken == [[]]
    assert not mailbox.put('a', 1)
    assert mailbox.take() == []


def test_strangers_and_those_who_have_left_are_ignored():
    mailbox = mailbox_of('a', 'b')
    mailbox.put('a', 1)
    mailbox.dismiss('a')
    assert not mailbox.put('a', 2)
    assert not mailbox.put('stranger', 3)
    mailbox.put('b', 4)
    assert mailbox.take(most=3) == [('b', 4)]
    assert len(mailbox) == 1


def test_every_item_is_taken_or_displaced():
    mailbox = mailbox_of('a')
    taken: list[int] = []

    def take() -> None:
        while items := mailbox.take():
            taken.extend(item for _, item in items)

    taker = threading.Thread(target=take)
    taker.start()
    displaced = sum(mailbox.put('a', i) for i in range(1, 5001))
    while len(taken) + displaced < 5000:
        pass
    mailbox.close()
    taker.join(10)
    assert taken == sorted(taken)
    assert taken[-1] == 5000


@pytest.mark.parametrize('most', [1, 2, 3])
def test_turns_are_shared_fairly_whatever_the_rates(most):
    """Max-min fairness: who asks for less than a share gets all, the rest get the same."""
    mailbox = mailbox_of('slow', 'quick', 'quicker', 'quickest')
    put, got = Counter(), Counter()
    for tick in range(2000):
        frames = {'slow': tick % 10 == 0, 'quick': 3, 'quicker': 5, 'quickest': 20}
        for sender, count in frames.items():
            for _ in range(count):
                mailbox.put(sender, 0)
                put[sender] += 1
        got.update(sender for sender, _ in mailbox.take(most))
    assert got['slow'] >= put['slow'] - 1
    equal = (2000 * most - got['slow']) / 3
    for sender in ('quick', 'quicker', 'quickest'):
        assert abs(got[sender] - min(equal, 2000)) <= 2


def test_a_frame_waits_for_those_that_are_to_come():
    mailbox = mailbox_of('a', 'b')
    mailbox.put('a', 1)
    mailbox.put('b', 2)
    assert len(mailbox.take(most=2)) == 2
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(mailbox.take(most=2, wait_s=60.0)))
    waiter.start()
    mailbox.put('b', 3)
    mailbox.put('a', 4)
    waiter.join(10)
    assert sorted(taken[0]) == [('a', 4), ('b', 3)]


@pytest.mark.parametrize(('most', 'wait_s', 'silence_s'), [(2, 0.0, 0.0), (1, 60, 0), (2, 60, 5)])
def test_nobody_waits_in_vain(most, wait_s, silence_s):
    """Not without a wish to, nor for a batch of one, nor for a camera that has died."""
    now_s = [100.0]
    mailbox = mailbox_of('a', 'b', clock=lambda: now_s[0])
    mailbox.put('b', 0)
    mailbox.take()
    now_s[0] += silence_s
    mailbox.put('a', 1)
    taken: list[list] = []
    waiter = threading.Thread(target=lambda: taken.append(mailbox.take(most, wait_s)))
    waiter.start()
    waiter.join(10)
    assert taken == [[('a', 1)]]
    mailbox.close()
