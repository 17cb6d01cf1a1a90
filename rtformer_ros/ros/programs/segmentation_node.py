# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executable of the segmentation node."""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING

from rtformer_ros.processes.heap import keep_frame_memory, limit_arenas, use_huge_pages

if TYPE_CHECKING:
    from rtformer_ros.ros.node.node import SegmentationNode

# How often a thread that waits for the interpreter may ask for it. The default of 5 ms would be
# seen in every frame's latency, since the camera's thread and the worker's take turns.
_SWITCH_INTERVAL_S = 0.0005
# FastDDS then sends pictures in a thread of its own, which needs no turn of the interpreter, while
# the worker goes on: to the next output, to the next frame. It reads this once, at the start.
_PUBLICATION_MODE = ('RMW_FASTRTPS_PUBLICATION_MODE', 'ASYNCHRONOUS')


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    # Whatever is made until the node runs, stays; to look for garbage in it takes a tenth longer.
    gc.disable()
    limit_arenas()
    keep_frame_memory()
    use_huge_pages(is_filled=True)
    os.environ.setdefault(*_PUBLICATION_MODE)
    # Only now: libraries start threads as they are imported, and each of those has an arena.
    from rtformer_ros.ros.node.node import SegmentationNode
    from rtformer_ros.ros.process.executor import DedicatedThreadExecutor
    from rtformer_ros.ros.process.run_node import run_node

    gc.freeze()
    gc.enable()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return run_node(
        'segmentation_node',
        SegmentationNode,
        _serve,
        args,
        make_executor=lambda node: DedicatedThreadExecutor(node.slow_groups, node.keep_error),
    )


def _serve(node: SegmentationNode, stop: threading.Event) -> None:
    stop.wait()
    node.close()


if __name__ == '__main__':
    sys.exit(main())
