# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Print each message of vision_msgs on a topic as a line of JSON, in a process of its own."""

from __future__ import annotations

import json
import sys
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from vision_msgs.msg import Detection2DArray, LabelInfo

LATCHED = QoSProfile(
    depth=5,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def label_info(message: LabelInfo) -> dict[str, Any]:
    return {
        'frame_id': message.header.frame_id,
        'stamp_s': message.header.stamp.sec,
        'classes': {entry.class_id: entry.class_name for entry in message.class_map},
        'threshold': round(message.threshold, 4),
    }


def detections(message: Detection2DArray) -> dict[str, Any]:
    return {
        'stamp_s': message.header.stamp.sec,
        'detections': [
            {
                'class_id': each.results[0].hypothesis.class_id,
                'score': each.results[0].hypothesis.score,
                'center': [each.bbox.center.position.x, each.bbox.center.position.y],
                'size': [each.bbox.size_x, each.bbox.size_y],
                'position': [getattr(each.results[0].pose.pose.position, axis) for axis in 'xyz'],
            }
            for each in message.detections
        ],
    }


# By the last part of the topic's name.
KINDS = {'label_info': (LabelInfo, label_info), 'detections': (Detection2DArray, detections)}


def main() -> None:
    rclpy.init()
    node = rclpy.create_node('vision_listener')
    topic = sys.argv[1]
    kind, content_of = KINDS[topic.rpartition('/')[2]]
    qos = LATCHED if kind is LabelInfo else 5
    node.create_subscription(
        kind, topic, lambda message: print(json.dumps(content_of(message)), flush=True), qos
    )
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == '__main__':
    main()
