"""Run a node as a process, and end it cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

import rclpy
import rclpy.logging
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import try_shutdown

from rtformer_ros.errors import RtformerError

NodeT = TypeVar('NodeT', bound=Node)

_END_TIMEOUT_S = 0.5
_EXIT_TIMEOUT_S = 0.5


def run_node(
    name: str,
    make_node: Callable[[], NodeT],
    work: Callable[[NodeT, threading.Event], None],
    args: list[str] | None = None,
    make_executor: Callable[[], Executor] = SingleThreadedExecutor,
) -> int:
    """
    Make a node and let it work in this thread while its callbacks run in another one.

    This thread waits in Python code, so that signal handlers run at once; further signals while
    the node ends are harmless. work: returns when it is done, or soon after the event is set,
    which a signal does. args: the command line, that of the process where None. Returns the exit
    code: 0, or 1 after an RtformerError, which is logged in one line under `name`.
    """
    stop = threading.Event()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    executor = make_executor()
    # A thread that still waits for messages while Python ends would abort the process.
    spinning = threading.Thread(target=_spin, args=(executor, stop), daemon=True)
    node: NodeT | None = None
    code = 1
    try:
        node = make_node()
        executor.add_node(node)
        spinning.start()
        work(node, stop)
        code = 0
    except RtformerError as error:
        rclpy.logging.get_logger(name).fatal(str(error))
    finally:
        stop.set()
        executor.shutdown(timeout_sec=_END_TIMEOUT_S)
        if spinning.ident is not None:
            spinning.join(_END_TIMEOUT_S)
        if node is not None:
            node.destroy_node()
        try_shutdown()
        _exit_at_the_latest(code)
    return code


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
