"""Tell late subscribers too what the ids of a mask mean, once for each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from rtformer_ros.ros.class_topics import CLASS_TOPICS
from rtformer_ros.ros.qos import PublisherEventCallbacks

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from std_msgs.msg import Header

    from rtformer_ros.ros.frame_plan import FramePlan

LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class ClassPublishers:
    """
    The latched topics of one camera; not thread-safe.

    A message goes out when the classes or their looks change, and one with a header also when
    the camera's frame does, with the first frame that shows it.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        """Keep the node; topics are named `prefix` (~/ or ~/CAMERA/) and their own name."""
        self._node = node
        self._prefix = prefix
        self._publishers: dict[str, Publisher] = {}
        self._sent: dict[str, Any] = {}
        # What waits for a frame's header, by topic, and the plan and frame of the last look.
        self._waiting: dict[str, Any] = {}
        self._plan: FramePlan | None = None
        self._frame_id: str | None = None

    def configure(self, topics: AbstractSet[str], plan: FramePlan | None) -> None:
        """Offer exactly these topics, and publish what is new in the plan."""
        for topic in self._publishers.keys() - topics:
            self._node.destroy_publisher(self._publishers.pop(topic))
            self._sent.pop(topic, None)
            self._waiting.pop(topic, None)
        is_new = {topic for topic in topics - self._publishers.keys() if self._offer(topic)}
        if plan is not None and (is_new or plan is not self._plan):
            self._announce(plan)

    def wanted(self) -> frozenset[str]:
        """Return the topics that have a subscriber and wait for a frame to be published with."""
        return frozenset(
            topic for topic in self._waiting if self._publishers[topic].get_subscription_count()
        )

    def follow(self, header: Header, plan: FramePlan) -> None:
        """Publish what waits for a frame's header, or has had one of another frame_id."""
        if plan is not self._plan:
            self._announce(plan)
        if header.frame_id != self._frame_id:
            self._frame_id = header.frame_id
            for topic in self._publishers:
                if CLASS_TOPICS[topic].has_header:
                    self._waiting[topic] = CLASS_TOPICS[topic].make(plan)
        if not self._waiting:
            return
        for topic, message in self._waiting.items():
            message.header = header
            self._publishers[topic].publish(message)
        self._waiting.clear()

    def _announce(self, plan: FramePlan) -> None:
        self._plan = plan
        for topic, publisher in self._publishers.items():
            row = CLASS_TOPICS[topic]
            message = row.make(plan)
            if message == self._sent.get(topic):
                continue
            self._sent[topic] = message
            if row.has_header:
                self._waiting[topic] = row.make(plan)
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
