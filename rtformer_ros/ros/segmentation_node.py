"""Run the segmentation node as a process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback

import rclpy
import rclpy.logging
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import try_shutdown

from rtformer_ros.errors import RtformerError
from rtformer_ros.ros.node import SegmentationNode

_EXECUTOR_THREADS = 4
# How often a thread that waits for the interpreter may ask for it. The default of 5 ms would be
# seen in every frame's latency, since the camera's thread and the worker's take turns.
_SWITCH_INTERVAL_S = 0.0005


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    stop = threading.Event()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        node = SegmentationNode()
    except RtformerError as error:
        rclpy.logging.get_logger('segmentation_node').fatal(str(error))
        try_shutdown()
        return 1
    executor = MultiThreadedExecutor(_EXECUTOR_THREADS)
    executor.add_node(node)
    # The main thread only waits, so that Python can run the signal handlers at once, and a second
    # signal while the node ends is harmless.
    threading.Thread(target=_spin, args=(executor, node, stop), daemon=True).start()
    stop.wait()
    has_ended = node.close()
    has_ended = executor.shutdown(timeout_sec=0.5) and has_ended
    node.destroy_node()
    try_shutdown()
    if not has_ended:
        # A native call that cannot be interrupted (a model being loaded) would hold the exit.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _spin(executor: MultiThreadedExecutor, node: SegmentationNode, stop: threading.Event) -> None:
    """Run callbacks until the end; one that fails is logged and does not end the others."""
    while not stop.is_set():
        try:
            executor.spin()
        except ExternalShutdownException:
            stop.set()
        except Exception:  # noqa: BLE001  the node outlives every callback
            if not stop.is_set():
                node.get_logger().error(f'a callback failed:\n{traceback.format_exc()}')


if __name__ == '__main__':
    sys.exit(main())
