# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Watches for subscribers: by events, and by counting where the distribution has no events."""

import threading

import pytest
from rclpy.exceptions import InvalidHandle
from ros_peer import RosPeer
from rtformer_ros.ros.node.subscriber_watch import MatchedWatch, PollingWatch
from std_msgs.msg import String


class Watched:
    """A node of its own context that spins in a thread, with two publishers and a watch."""

    def __init__(self, kind) -> None:
        self.peer = RosPeer('watched')
        self.calls = []
        self.errors = []
        self.publishers = [self.peer.node.create_publisher(String, t, 1) for t in ('one', 'two')]
        call = lambda: self.calls.append(self.counts())  # noqa: E731
        if kind is MatchedWatch:
            self.watch = MatchedWatch(self.peer.node, call)
        else:
            self.watch = PollingWatch(call, lambda *error: self.errors.append(error))
        self._is_closed = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._is_closed:
            try:
                self.peer.executor.spin_once(timeout_sec=0.05)
            except InvalidHandle:
                # Another thread has just ceased to watch; the node's executor goes on, too.
                continue

    def counts(self):
        return [publisher.get_subscription_count() for publisher in self.publishers]

    def close(self) -> None:
        self.watch.close()
        self._is_closed = True
        self._thread.join()
        self.peer.close()


@pytest.fixture(params=[MatchedWatch, PollingWatch])
def watched(request):
    watched = Watched(request.param)
    yield watched
    watched.close()
    assert watched.errors == []


def test_calls_when_a_subscriber_of_one_has_come(peer, watched):
    watched.watch.follow(watched.publishers)
    peer.spin_for(0.5)
    assert watched.calls == []
    peer.collect('two', String)
    peer.wait_for(lambda: [0, 1] in watched.calls, 'the call')


def test_calls_for_one_that_came_shortly_before(peer, watched):
    peer.collect('one', String)
    peer.wait_for(lambda: watched.counts() == [1, 0], 'the subscriber to be known')
    watched.watch.follow(watched.publishers)
    peer.wait_for(lambda: watched.calls, 'the call')


def test_calls_for_those_alone_that_are_watched_now(peer, watched):
    watched.watch.follow(watched.publishers)
    watched.watch.follow(watched.publishers[:1])
    peer.collect('two', String)
    peer.wait_for(lambda: watched.counts() == [0, 1], 'the subscriber to be known')
    peer.spin_for(0.3)
    assert watched.calls == []
    watched.watch.follow(watched.publishers[1:])
    peer.wait_for(lambda: watched.calls, 'the call')


def test_what_is_no_longer_watched_can_be_withdrawn(peer, watched):
    watched.watch.follow(watched.publishers)
    peer.wait_for(lambda: peer.node.count_publishers('two'), 'the publisher')
    watched.watch.follow(watched.publishers[:1])
    watched.peer.node.destroy_publisher(watched.publishers.pop())
    peer.wait_for(lambda: not peer.node.count_publishers('two'), 'the publisher to be gone')
    peer.collect('one', String)
    peer.wait_for(lambda: [1] in watched.calls, 'the call')
