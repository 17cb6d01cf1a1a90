# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node with faults: a transition, a timer, a service, and a thread that raise."""

import sys

from rtformer_ros.ros.node import cameras, node, services
from rtformer_ros.ros.programs import segmentation_node


class FailingNode(node.SegmentationNode):
    """Cannot be configured while its overlay is opaque."""

    def on_configure(self, state):
        if self.get_parameter('overlay_alpha').value == 1.0:
            raise ZeroDivisionError('a fault of the test')
        return super().on_configure(state)

    def _report_build(self):
        if self.get_parameter('overlay_alpha').value == 0.25:
            raise LookupError('a timer of the test')
        super()._report_build()


def fail_while_paused(cameras):
    """Raise in the thread that wakes resting cameras, until the node is told to go on."""
    if cameras.is_paused:
        raise ArithmeticError('a thread of the test')
    return WAKE(cameras)


def fail_to_write(*_):
    """Raise where a snapshot is written."""
    raise BufferError('a service of the test')


WAKE = cameras.Cameras._wake


if __name__ == '__main__':
    cameras.Cameras._wake = fail_while_paused
    services.write_snapshot = fail_to_write
    segmentation_node.SegmentationNode = FailingNode
    sys.exit(segmentation_node.main())
