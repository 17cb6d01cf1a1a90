# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Latched topics (transient local) about the classes: what the ids of a mask mean."""

from __future__ import annotations

from dataclasses import dataclass
import json
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rtformer_ros.drawing.legend import draw_swatches
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.qos import PublisherEventCallbacks
from rtformer_ros.ros.output.subscribers import has_subscriber
from rtformer_ros.segmentation import UNLABELED_ID
from sensor_msgs.msg import Image
from std_msgs.msg import String

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rtformer_ros.ros.frames.config import FrameConfig
    from std_msgs.msg import Header


@dataclass(frozen=True)
class ClassTopic:
    """
    Latched topic under ~/ about the classes.

    find_type: returns its message class, or None where the package of it is not installed. make:
    makes the message of a configuration. has_header: whether the message carries the mask's
    header, so that it waits for the first frame.
    """

    find_type: Callable[[], type | None]
    make: Callable[[FrameConfig], Any]
    has_header: bool = False


def _label_info_type() -> type | None:
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo


def make_label_info(config: FrameConfig) -> Any:
    """Return a vision_msgs/LabelInfo without header; needs vision_msgs."""
    from vision_msgs.msg import LabelInfo, VisionClass

    return LabelInfo(
        class_map=[VisionClass(class_id=c.class_id, class_name=c.name) for c in config.classes],
        threshold=float(config.settings.confidence_threshold),
    )


def make_labels(config: FrameConfig) -> String:
    """
    Return the classes as a JSON object in a std_msgs/String.

    Keys: label_set, unlabeled_id, confidence_threshold (0..1) and classes, a list by rising id of
    {id, name, color: [r, g, b], group, shown}.
    """
    content = {
        'label_set': config.engine.description.labels.name,
        'unlabeled_id': UNLABELED_ID,
        'confidence_threshold': config.settings.confidence_threshold,
        'classes': [
            {
                'id': c.class_id,
                'name': c.name,
                'color': list(c.color_rgb),
                'group': c.group,
                'shown': c.is_shown,
            }
            for c in config.classes
        ],
    }
    return String(data=json.dumps(content, ensure_ascii=False))


def make_legend(config: FrameConfig) -> Image:
    """Return names and colours of the classes that pictures show, as an rgb8 image."""
    rows = [(c.name, c.color_rgb) for c in config.classes if c.is_shown]
    legend_hwc = draw_swatches(rows or [('no class is shown', (255, 255, 255))])
    message = new_image(legend_hwc.shape[0], legend_hwc.shape[1], 'rgb8')
    image_array(message)[:] = legend_hwc
    return message


CLASS_TOPICS: Mapping[str, ClassTopic] = MappingProxyType(
    {
        'label_info': ClassTopic(_label_info_type, make_label_info, has_header=True),
        'labels': ClassTopic(lambda: String, make_labels),
        'legend': ClassTopic(lambda: Image, make_legend),
    }
)


LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class ClassPublishers:
    """
    Publishers of the latched topics of one camera; not thread-safe but for `wanted`.

    A message is published when the classes or their looks change, and one with a header also when
    the camera's frame does, with the first frame that shows it.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        """Keep the node; topics are named `prefix` (~/ or ~/CAMERA/) and their own name."""
        self._node = node
        self._prefix = prefix
        self._publishers: dict[str, Publisher] = {}
        self._sent: dict[str, Any] = {}
        # What waits for a frame's header, by topic; what the last frame was made with.
        self._waiting: dict[str, Any] = {}
        self._config: FrameConfig | None = None
        self._frame_id: str | None = None

    @property
    def publishers(self) -> list[Publisher]:
        """Return the publishers of the topics that are offered."""
        return list(self._publishers.values())

    def configure(self, topics: AbstractSet[str], config: FrameConfig | None) -> None:
        """Offer exactly these topics, and publish what the configuration changes."""
        for topic in self._publishers.keys() - topics:
            self._node.destroy_publisher(self._publishers.pop(topic))
            self._sent.pop(topic, None)
            self._waiting.pop(topic, None)
        is_new = {topic for topic in topics - self._publishers.keys() if self._offer(topic)}
        if config is not None and (is_new or config is not self._config):
            self._announce(config)

    def wanted(self) -> frozenset[str]:
        """Return the topics that have a subscriber and wait for a frame to be published with."""
        waiting = list(self._waiting)
        return frozenset(topic for topic in waiting if has_subscriber(self._publishers.get(topic)))

    def follow(self, header: Header, config: FrameConfig) -> None:
        """Publish what waits for a frame's header, or has had one of another frame_id."""
        if config is not self._config:
            self._announce(config)
        if header.frame_id != self._frame_id:
            self._frame_id = header.frame_id
            for topic in self._publishers:
                if CLASS_TOPICS[topic].has_header:
                    self._waiting[topic] = CLASS_TOPICS[topic].make(config)
        if not self._waiting:
            return
        for topic, message in self._waiting.items():
            message.header = header
            self._publishers[topic].publish(message)
        self._waiting.clear()

    def _announce(self, config: FrameConfig) -> None:
        self._config = config
        for topic, publisher in self._publishers.items():
            row = CLASS_TOPICS[topic]
            message = row.make(config)
            if message == self._sent.get(topic):
                continue
            self._sent[topic] = message
            if row.has_header:
                self._waiting[topic] = row.make(config)
            else:
                publisher.publish(message)

    def _offer(self, topic: str) -> bool:
        message_type = CLASS_TOPICS[topic].find_type()
        if message_type is None:
            self._node.get_logger().info(
                f'~/{topic} is not offered: its message package is not installed (vision_msgs); '
                '~/labels has the same as JSON',
                once=True,
            )
            return False
        self._publishers[topic] = self._node.create_publisher(
            message_type,
            f'{self._prefix}{topic}',
            LATCHED,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )
        return True
