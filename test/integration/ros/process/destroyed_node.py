# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Make nodes one after the other in a process of another program's, and destroy each.

Each argument is a model and the lifecycle state to wait for, as in MODEL=active. Prints what is
left behind: the names of threads and the number of log handlers, as JSON.
"""

import json
import logging
import sys
import threading
import time

from node_with_compiler import offer_standin
import rclpy

PATIENCE_S = 60.0


def run(model: str, state: str) -> None:
    from rtformer_ros.ros.node.node import SegmentationNode
    from rtformer_ros.ros.process.executor import DedicatedThreadExecutor

    rclpy.init(args=['--ros-args', '-p', f'model:={model}', '-p', 'engine:=standin'])
    node = SegmentationNode()
    executor = DedicatedThreadExecutor(node.slow_groups, node.keep_error)
    executor.add_node(node)
    give_up_s = time.monotonic() + PATIENCE_S
    while (node.lifecycle_state, bool(node._models.status.building)) != (
        state,
        state == 'unconfigured',
    ):
        assert time.monotonic() < give_up_s, node.lifecycle_state
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()


def main() -> None:
    offer_standin()
    for argument in sys.argv[1:]:
        run(*argument.split('='))
    threads = [thread.name for thread in threading.enumerate()]
    ours = [name for name in threads if name in ('frame_worker', 'model_build', 'watch')]
    print(json.dumps([ours, len(logging.getLogger('rtformer_ros').handlers)]))


if __name__ == '__main__':
    main()
