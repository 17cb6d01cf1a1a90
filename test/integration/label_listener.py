# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Print each vision_msgs/LabelInfo of a topic as a line of JSON, in a process of its own."""

from __future__ import annotations

import json
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from vision_msgs.msg import LabelInfo

LATCHED = QoSProfile(
    depth=5,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def show(message: LabelInfo) -> None:
    content = {
        'frame_id': message.header.frame_id,
        'stamp_s': message.header.stamp.sec,
        'classes': {entry.class_id: entry.class_name for entry in message.class_map},
        'threshold': round(message.threshold, 4),
    }
    print(json.dumps(content), flush=True)


def main() -> None:
    rclpy.init()
    node = rclpy.create_node('label_listener')
    node.create_subscription(LabelInfo, sys.argv[1], show, LATCHED)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == '__main__':
    main()
