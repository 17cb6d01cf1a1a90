# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Feeds: the newest message of a topic, which is subscribed to only while somebody asks."""

from __future__ import annotations

import asyncio
from collections import deque
import threading
import time
from typing import Any, TYPE_CHECKING

from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_topic_name import validate_topic_name
from rtformer_ros.errors import ConfigError, quoted, shown
from rtformer_ros.ros.interface.qos import input_profile, matched_policies
from rtformer_ros.ros.interface.settings import TopicQos

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.subscription import Subscription

LEASE_S = 3.0
"""How long a topic stays subscribed to after it was last asked for."""


class RosThread:
    """Hands work to the thread that spins a node: rclpy's entities are made and removed there."""

    def __init__(self, node: Node) -> None:
        """Take the node; `loop` is set once there is one to bring answers back to."""
        self._tasks: deque[Callable[[], None]] = deque()
        self._guard = node.create_guard_condition(self._work)
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self, task: Callable[[], None]) -> None:
        """Let the spinning thread do something soon."""
        self._tasks.append(task)
        self._guard.trigger()

    def bring_back(self, task: Callable[[], None]) -> None:
        """Let the event loop do something soon; nothing where it has ended."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(task)

    def _work(self) -> None:
        while self._tasks:
            self._tasks.popleft()()


class Feed:
    """
    The newest message of a topic, serialised: most are replaced before anybody looks at them.

    Asked in the event loop, filled in the spinning thread. sequence: changes with each message.
    """

    def __init__(
        self, node: Node, thread: RosThread, topic: str, kind: type, needle: bytes = b''
    ) -> None:
        """Take what a message's bytes must hold to be kept, as on topics that many share."""
        self._node = node
        self._thread = thread
        self._kind = kind
        self._needle = needle
        self._topic = topic
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        self._asked_s = 0.0
        self._is_open = False
        self._waiting: list[asyncio.Future[None]] = []
        self._newest: bytes | None = None
        self.sequence = 0
        self.received_s = 0.0
        self.interval_s = 0.0

    @property
    def kind(self) -> type:
        """The class of its messages."""
        return self._kind

    def newest(self) -> bytes | None:
        """Return the newest message, None for none yet; subscribes for a while."""
        self._asked_s = time.monotonic()
        if not self._is_open:
            self._is_open = True
            self._thread.run(self._follow)
        with self._lock:
            return self._newest

    async def other_than(self, sequence: int, timeout_s: float) -> tuple[int, bytes] | None:
        """Return number and bytes of a message that is not of this number; None if none comes."""
        give_up_s = time.monotonic() + timeout_s
        while True:
            self.newest()
            with self._lock:
                # Both at once: the next message may come at any time.
                number, data = self.sequence, self._newest
            if data is not None and number != sequence:
                return number, data
            left_s = give_up_s - time.monotonic()
            if left_s <= 0:
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            # In parts, as a feed whose lease ended would be waited for in vain.
            await asyncio.wait([future], timeout=min(left_s, LEASE_S / 2))
            if future in self._waiting:
                self._waiting.remove(future)

    def look_after(self) -> None:
        """Unsubscribe where nobody asks any more, else follow the publishers' QoS."""
        if not self._is_open:
            return
        if time.monotonic() - self._asked_s > LEASE_S:
            self._is_open = False
            self._thread.run(self._close)
        else:
            self._thread.run(self._follow)

    def _follow(self) -> None:
        profile = input_profile(TopicQos('auto', 5), self._node, self._topic)
        if self._subscription is not None:
            if matched_policies(self._subscription.qos_profile) == matched_policies(profile):
                return
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._node.create_subscription(
            self._kind, self._topic, self._take, profile, raw=True
        )

    def _close(self) -> None:
        if self._is_open or self._subscription is None:
            return
        self._node.destroy_subscription(self._subscription)
        self._subscription = None
        with self._lock:
            self._newest = None

    def _take(self, data: Any) -> None:
        if self._needle not in data:
            return
        now_s = time.monotonic()
        with self._lock:
            self.interval_s = now_s - self.received_s if self._newest is not None else 0.0
            self._newest = data
            self.sequence += 1
            self.received_s = now_s
        if self._waiting:
            self._thread.bring_back(self._wake)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Feeds:
    """The feeds of a node, by topic and type."""

    def __init__(self, node: Node, thread: RosThread) -> None:
        """Start without any."""
        self._node = node
        self._thread = thread
        self._feeds: dict[tuple[str, type], Feed] = {}

    def feed(self, topic: str, kind: type, needle: bytes = b'') -> Feed:
        """Return the feed of a topic, see Feed; raises ConfigError for a name that is none."""
        key = topic, kind
        if key not in self._feeds:
            _check_name(topic)
            self._feeds[key] = Feed(self._node, self._thread, topic, kind, needle)
        return self._feeds[key]

    def look_after(self) -> None:
        """Let each feed see to its subscription; to be called once a second."""
        for feed in list(self._feeds.values()):
            feed.look_after()


def _check_name(topic: str) -> None:
    """Raise ConfigError unless ROS takes a name, which may have come of a message."""
    try:
        validate_topic_name(topic)
    except InvalidTopicNameException as error:
        raise ConfigError(f'{quoted(topic)} is no topic: {shown(str(error))}') from error
