# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node with faults: transition, timer, service, thread and frames that raise."""

import os
import sys

from rtformer_ros.ros.node import cameras, frame_worker, node, services, subscriber_watch
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
    """Raise where resting cameras are woken, until the node is told to go on."""
    if cameras.is_paused:
        raise ArithmeticError('a watch of the test')
    return WAKE(cameras)


def fail_to_write(*_):
    """Raise where a snapshot is written."""
    raise BufferError('a service of the test')


def fail_at_a_frame(camera, frame, *others):
    """Raise for one frame."""
    if frame.message.header.frame_id == 'fault':
        raise TypeError('a frame of the test')
    return PREPARE(camera, frame, *others)


WAKE = cameras.Cameras._wake
PREPARE = frame_worker.prepare_job


if __name__ == '__main__':
    if os.environ.get('POLL'):
        # As on Humble, which has no events of subscribers.
        subscriber_watch._MATCHED = None
    cameras.Cameras._wake = fail_while_paused
    frame_worker.prepare_job = fail_at_a_frame
    services.write_snapshot = fail_to_write
    # Looked up when the program starts.
    node.SegmentationNode = FailingNode
    sys.exit(segmentation_node.main())
