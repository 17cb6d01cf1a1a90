# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Process of a node: executor in a thread, clean shutdown on SIGINT and SIGTERM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
import signal
import sys
import threading
import traceback
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
import rclpy.logging
from rclpy.node import Node
from rclpy.utilities import try_shutdown
from rtformer_ros.errors import RtformerError
from rtformer_ros.ros.process.ros_arguments import (
    arguments_without_effect,
    files_for_others,
    initialise,
)

NodeT = TypeVar('NodeT', bound=Node)

_END_TIMEOUT_S = 0.5
_EXIT_TIMEOUT_S = 0.5


def run_node(
    name: str,
    make_node: Callable[[], NodeT],
    work: Callable[[NodeT, threading.Event], None],
    args: list[str] | None = None,
    make_executor: Callable[[NodeT], Executor] = lambda node: SingleThreadedExecutor(),
) -> int:
    """
    Make a node and let it work in this thread while its callbacks run in another one.

    Further signals while the node ends are harmless. work: returns when it is done, or soon after
    the event is set, which a signal does. args: the command line, that of the process where None.
    Returns the exit code: 0, or 1 after an RtformerError, which is logged in one line under
    `name`.
    """
    stop = threading.Event()
    try:
        initialise(args)
    except RtformerError as error:
        # ROS has no logger yet.
        print(f'[FATAL] [{name}]: {error}', file=sys.stderr)  # noqa: T201
        return 1
    _stop_on_signals(stop)
    node: NodeT | None = None
    code = 1
    try:
        node = make_node()
        files = files_for_others(args, node.get_fully_qualified_name())
        for text in filter(None, (arguments_without_effect(args), *files)):
            node.get_logger().warning(text)
        with _spinning(node, make_executor(node), stop):
            work(node, stop)
        code = 0
    except (RtformerError, ParameterException) as error:
        # Of ROS's own parameters (use_sim_time) it is rclpy that finds a value wrong.
        rclpy.logging.get_logger(name).fatal(str(error))
    finally:
        if node is not None:
            node.destroy_node()
        try_shutdown()
        _exit_at_the_latest(code)
    return code


def _stop_on_signals(stop: threading.Event) -> None:
    """
    Let a thread set the event when a signal comes.

    A signal handler must not: it may interrupt the very thread that holds the event's lock.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        os.read(reader, 1)
        stop.set()

    threading.Thread(target=wait, name='signals', daemon=True).start()


@contextmanager
def _spinning(node: Node, executor: Executor, stop: threading.Event) -> Iterator[None]:
    # A daemon, or a callback that does not end would hold the exit.
    thread = threading.Thread(target=_spin, args=(executor, stop), daemon=True)
    executor.add_node(node)
    thread.start()
    try:
        yield
    finally:
        # A thread that still waits for messages while Python ends would abort the process.
        stop.set()
        executor.shutdown(timeout_sec=_END_TIMEOUT_S)
        thread.join(_END_TIMEOUT_S)


def _spin(executor: Executor, stop: threading.Event) -> None:
    """Run callbacks until the end; one that fails is logged and does not end the others."""
    while not stop.is_set():
        try:
            executor.spin()
        except ExternalShutdownException:
            stop.set()
        except Exception:  # noqa: BLE001  a node outlives each of its callbacks
            if not stop.is_set():
                text = traceback.format_exc()
                rclpy.logging.get_logger('node_process').error(f'a callback failed:\n{text}')


def _exit_at_the_latest(code: int) -> None:
    """
    Leave the process soon even if a thread does not end.

    A native call that cannot be interrupted (a model that is being loaded) would else hold the
    exit: Python waits for the executor's threads.
    """

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    last_resort = threading.Timer(_EXIT_TIMEOUT_S, leave)
    last_resort.daemon = True
    last_resort.start()
