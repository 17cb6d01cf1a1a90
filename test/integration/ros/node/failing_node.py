# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node with a transition that raises what is none of its own errors."""

import sys

from rtformer_ros.ros.node import node
from rtformer_ros.ros.programs import segmentation_node


class FailingNode(node.SegmentationNode):
    """Cannot be configured while its overlay is opaque."""

    def on_configure(self, state):
        if self.get_parameter('overlay_alpha').value == 1.0:
            raise ZeroDivisionError('a fault of the test')
        return super().on_configure(state)


if __name__ == '__main__':
    segmentation_node.SegmentationNode = FailingNode
    sys.exit(segmentation_node.main())
