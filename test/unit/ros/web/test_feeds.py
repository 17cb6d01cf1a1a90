# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The newest message of a topic has its own number, whenever it comes."""

import asyncio

from rtformer_ros.ros.web.feeds import Feed
from std_msgs.msg import String


class IdleThread:
    """Leaves the subscription alone: messages come of the test."""

    def run(self, task) -> None:
        del task


class BusyFeed(Feed):
    """A feed whose next message comes just after somebody has looked."""

    def newest(self):
        data = super().newest()
        self._take(b'second')
        return data


def test_a_message_that_comes_meanwhile_is_not_passed_over():
    feed = BusyFeed(None, IdleThread(), '/topic', String)
    feed._take(b'first')
    assert asyncio.run(feed.other_than(0, 1.0)) == (2, b'second')
