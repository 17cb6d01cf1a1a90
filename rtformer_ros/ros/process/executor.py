# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executor with dedicated threads: quick callbacks of a node do not wait for slow ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import threading
import traceback
from typing import Any, TYPE_CHECKING

from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ShutdownException, TimeoutException
from rclpy.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rclpy.callback_groups import CallbackGroup
    from rclpy.task import Task

_SLOW_THREADS = 4
_START_TIMEOUT_S = 0.01


class DedicatedThreadExecutor(Executor):
    """
    Executor that spins in one thread, and runs the callbacks of some groups in dedicated ones.

    A MultiThreadedExecutor would do as well, at several times the CPU time a message: it looks
    through all entities again and again while a callback waits for its thread.
    """

    def __init__(self, slow_groups: AbstractSet[CallbackGroup]) -> None:
        """Take the mutually exclusive callback groups whose callbacks may take long."""
        super().__init__()
        self._slow_groups = slow_groups
        self._threads = ThreadPoolExecutor(_SLOW_THREADS, thread_name_prefix='slow_callback')

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
            handler()
            handler.result()
            return
        started = threading.Event()
        self._threads.submit(self._run, handler, started)
        # Until it has started, the next look at the node would find it ready once more.
        started.wait(_START_TIMEOUT_S)

    def _run(self, handler: Task, started: threading.Event) -> None:
        started.set()
        handler()
        try:
            handler.result()
        except Exception:  # noqa: BLE001  a node outlives each of its callbacks
            # One that the end of the process cuts short is expected to fail.
            if self.context.ok():
                get_logger('slow_callback').error(f'a callback failed:\n{traceback.format_exc()}')
