# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Tell by its diagnostics whether the node in this container works: exit code 0 or 1, and why.

    healthcheck.py [NODE] [SECONDS]

NODE is segmentation_node by default. Unhealthy are an ERROR (no model, an engine that fails, a
transition that failed) and silence for that many seconds, 10 by default; a camera that is missing
is not: a new container would not bring it back.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import rclpy

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Print the worst status of the node, or that none came."""
    node_name = arguments[0] if arguments else 'segmentation_node'
    timeout_s = float(arguments[1]) if len(arguments) > 1 else 10.0
    worst = worst_status(node_name, timeout_s)
    if worst is None:
        print(f'no diagnostics of {node_name} in {timeout_s:g} s: it hangs or has ended')
        return 1
    print(f'{worst.name}: {worst.message}')
    return int(worst.level >= DiagnosticStatus.ERROR)


def worst_status(node_name: str, timeout_s: float) -> DiagnosticStatus | None:
    """Return the worst status of the next message of that node, None if none came in time."""
    received: list[DiagnosticStatus] = []

    def keep(message: DiagnosticArray) -> None:
        received.extend(
            status for status in message.status if status.name.startswith(f'{node_name}: ')
        )

    rclpy.init()
    try:
        node = rclpy.create_node(f'{node_name}_healthcheck', start_parameter_services=False)
        node.create_subscription(DiagnosticArray, '/diagnostics', keep, 10)
        end_s = time.monotonic() + timeout_s
        while not received and time.monotonic() < end_s:
            rclpy.spin_once(node, timeout_sec=0.2)
    finally:
        rclpy.shutdown()
    return max(received, key=lambda status: status.level, default=None)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
