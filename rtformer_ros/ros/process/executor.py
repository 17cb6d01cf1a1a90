# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executor with dedicated threads: quick callbacks of a node do not wait for slow ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import threading
from typing import Any, TYPE_CHECKING

from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ShutdownException, TimeoutException

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from rclpy.callback_groups import CallbackGroup
    from rclpy.task import Task

_START_TIMEOUT_S = 0.01


class DedicatedThreadExecutor(Executor):
    """
    Executor that spins in one thread, and runs the callbacks of some groups in dedicated ones.

    A MultiThreadedExecutor would do as well, at several times the CPU time a message: it looks
    through all entities again and again while a callback waits for its thread.
    """

    def __init__(
        self,
        slow_groups: AbstractSet[CallbackGroup],
        keep_error: Callable[[str, Exception], None],
    ) -> None:
        """
        Take the mutually exclusive callback groups whose callbacks may take long.

        keep_error: called with the kind of a callback and what it raised. The node outlives it.
        """
        super().__init__()
        self._slow_groups = slow_groups
        self._keep_error = keep_error
        # Of each group one callback runs at a time. More threads would come one by one over hours,
        # each with memory of its own, as the pool does not always see that one is free.
        self._threads = ThreadPoolExecutor(
            max(1, len(slow_groups)), thread_name_prefix='slow_callback'
        )

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for a callback and run it, or hand it to a dedicated thread."""
        try:
            ready: tuple[Task, Any, Any] = self.wait_for_ready_callbacks(timeout_sec)
        except (ShutdownException, TimeoutException):
            return
        except InvalidHandle:
            # A slow callback has just removed a subscription; the next look is without it.
            return
        handler, entity, _ = ready
        if entity is None or entity.callback_group not in self._slow_groups:
            self._run(handler, entity)
            return
        started = threading.Event()
        self._threads.submit(self._run, handler, entity, started)
        # Until it has started, the next look at the node would find it ready once more.
        started.wait(_START_TIMEOUT_S)

    def _run(self, handler: Task, entity: Any, started: threading.Event | None = None) -> None:
        if started is not None:
            started.set()
        handler()
        try:
            handler.result()
        except Exception as error:  # noqa: BLE001  a node outlives each of its callbacks
            # One that the end of the process cuts short is expected to fail.
            if self.context.ok():
                kind = 'callback' if entity is None else f'{type(entity).__name__} callback'
                self._keep_error(kind.lower(), error)
