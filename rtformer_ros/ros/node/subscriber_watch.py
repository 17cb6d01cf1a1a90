# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Watch for subscribers: a camera that rests is called as soon as somebody wants its frames."""

from __future__ import annotations

from collections.abc import Callable
import threading
import time
from typing import Any, TYPE_CHECKING

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.exceptions import InvalidHandle

try:
    from rclpy.event_handler import EventHandler, QoSPublisherEventType

    _MATCHED = QoSPublisherEventType.RCL_PUBLISHER_MATCHED
except (ImportError, AttributeError):  # Humble has no such event.
    _MATCHED = None

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rclpy.node import Node
    from rclpy.publisher import Publisher

# Below the period of a usual camera, so that its next frame is received.
_POLL_PERIOD_S = 0.03
_PAUSE_AFTER_ERROR_S = 5.0


class MatchedWatch:
    """
    Watch by the middleware's own events: it costs nothing while nobody comes.

    The events are looked at only while publishers are watched, as each of them is one more thing
    that the executor goes through for every message. Not thread-safe.
    """

    def __init__(self, node: Node, call: Callable[[], None]) -> None:
        """
        Watch nothing yet.

        call: called by the node's executor when a subscriber of a watched publisher has come or
        gone, also shortly before `follow`.
        """
        self._node = node
        self._call = call
        self._handlers: dict[Publisher, Any] = {}

    def follow(self, publishers: Sequence[Publisher]) -> None:
        """Watch exactly these; one that is to be destroyed must no longer be watched."""
        if self._handlers.keys() == set(publishers):
            return
        for handler in self._handlers.values():
            self._node.remove_waitable(handler)
            handler.destroy()
        # A group keeps a trace of all that was ever in it.
        group = MutuallyExclusiveCallbackGroup()
        self._handlers = {publisher: self._handler(publisher, group) for publisher in publishers}
        for handler in self._handlers.values():
            self._node.add_waitable(handler)

    def close(self) -> None:
        """Watch nothing any more."""
        self.follow(())

    def _handler(self, publisher: Publisher, group: MutuallyExclusiveCallbackGroup) -> Any:
        return EventHandler(
            callback_group=group,
            callback=lambda _: self._call(),
            event_type=_MATCHED,
            parent_impl=publisher.handle,
        )


class PollingWatch:
    """
    Watch of a thread that counts subscribers again and again, where events of them do not exist.

    A timer would do the same at four times the cost: the executor goes through all entities of
    the node whenever it fires.
    """

    def __init__(
        self, call: Callable[[], None], keep_error: Callable[[str, Exception], None]
    ) -> None:
        """
        Start the thread; it waits for publishers to watch.

        call: called by the thread while a watched publisher has a subscriber. keep_error: takes
        what it raises, after which it is called again.
        """
        self._call = call
        self._keep_error = keep_error
        self._publishers: tuple[Publisher, ...] = ()
        self._begun = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='watch', daemon=True)
        self._thread.start()

    def follow(self, publishers: Sequence[Publisher]) -> None:
        """Watch exactly these."""
        self._publishers = tuple(publishers)
        if publishers:
            self._begun.set()
        else:
            self._begun.clear()

    def close(self) -> None:
        """Watch nothing any more, and have the thread end."""
        self._is_closed = True
        self._begun.set()

    def _run(self) -> None:
        while self._begun.wait() and not self._is_closed:
            try:
                if any(publisher.get_subscription_count() for publisher in self._publishers):
                    self._call()
            except InvalidHandle:
                # Withdrawn meanwhile; whoever did that says what to watch instead.
                pass
            except Exception as error:  # noqa: BLE001  a watch that has ended would wake nobody
                self._keep_error('watch', error)
                # Not a log line each time that it comes again.
                time.sleep(_PAUSE_AFTER_ERROR_S)
            # An event with a time limit costs twice as much.
            time.sleep(_POLL_PERIOD_S)


def new_subscriber_watch(
    node: Node, call: Callable[[], None], keep_error: Callable[[str, Exception], None]
) -> MatchedWatch | PollingWatch:
    """Return the cheapest watch that this distribution of ROS 2 has: Humble has no events."""
    if _MATCHED is None:
        return PollingWatch(call, keep_error)
    return MatchedWatch(node, call)
