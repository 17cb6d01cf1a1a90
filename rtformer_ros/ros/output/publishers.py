# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Publishers of one camera's outputs: a message is made only for topics with a subscriber."""

from __future__ import annotations

import array
import threading
from typing import TYPE_CHECKING

from rtformer_ros.errors import GeometryError, shown
from rtformer_ros.imaging.codecs import encode_jpeg, encode_png
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.qos import output_profile, PublisherEventCallbacks, unmet_policies
from rtformer_ros.ros.interface.topics import COMPRESSED, COSTMAP, FRAME_OUTPUTS, qos_topic
from rtformer_ros.ros.output.classes import ClassPublishers
from rtformer_ros.ros.output.converters import IMAGE_OUTPUTS, MESSAGE_OUTPUTS
from rtformer_ros.ros.output.subscribers import has_subscriber
from rtformer_ros.stream.message_throttle import MessageThrottle
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.frames.result import FrameResult
    from rtformer_ros.ros.interface.settings import OutputSettings, TopicQos
    from rtformer_ros.ros.output.converters import ImageOutput
    from rtformer_ros.ros.output.fused_costmap import FusedCostmap

_LOG_PERIOD_S = 5.0
_MOST_IN_PERIOD = 10
_MOST_CHARACTERS = 500


class Outputs:
    """
    Publishers of one camera; thread-safe.

    `wanted`, `is_wanted` and `unserved_topics` do not wait for the frame that is being published,
    which may take long: who asks receives the images of all cameras. They read dictionaries at one
    stroke. Image messages are filled in place and used again for the next frame, which saves an
    allocation and a conversion a frame; rclpy has copied them when `publish` returns.
    """

    def __init__(
        self, node: Node, prefix: str = '', fused_costmap: FusedCostmap | None = None
    ) -> None:
        """
        Keep the node; nothing is published before `configure`.

        prefix: a camera's name, whose topics are then ~/CAMERA/mask in place of ~/mask.
        fused_costmap: what the camera's costmaps are a part of, too.
        """
        self._node = node
        self._prefix = f'~/{prefix}/' if prefix else '~/'
        self._fused_costmap = fused_costmap
        self._lock = threading.RLock()
        self._publishers: dict[str, Publisher] = {}
        self._qos: dict[str, TopicQos] = {}
        self._images: dict[str, Image] = {}
        self._converters = {name: row.new_converter() for name, row in MESSAGE_OUTPUTS.items()}
        self._classes = ClassPublishers(node, self._prefix)
        self._incompatible: dict[str, str] = {}
        self._unmakable: dict[str, str] = {}
        # rclpy's own throttle would let one topic of one camera silence all others.
        self._throttle = MessageThrottle(_LOG_PERIOD_S, _MOST_IN_PERIOD)

    @property
    def publishers(self) -> list[Publisher]:
        """Return the publishers of all topics that are offered."""
        with self._lock:
            return [*self._publishers.values(), *self._classes.publishers]

    @property
    def unserved_topics(self) -> dict[str, str]:
        """Return, by topic (~/mask), why a subscriber of it gets nothing."""
        reasons = {**self._unmakable, **self._incompatible}
        return {f'{self._prefix}{topic}': reason for topic, reason in reasons.items()}

    def configure(self, settings: OutputSettings, config: FrameConfig | None) -> None:
        """
        Offer exactly these topics with this QoS; those that do not change stay as they are.

        What the configuration says of the classes is published at once.
        """
        with self._lock:
            for topic in [t for t, qos in self._qos.items() if settings.topics.get(t) != qos]:
                self._withdraw(topic)
            for topic, qos in settings.topics.items():
                if topic not in self._publishers:
                    self._offer(topic, qos)
            self._classes.configure(settings.class_topics, config)

    def forget(self) -> None:
        """Forget what was kept from frame to frame."""
        with self._lock:
            self._converters = {name: row.new_converter() for name, row in MESSAGE_OUTPUTS.items()}
            self._images.clear()
            if self._fused_costmap is not None:
                self._fused_costmap.forget(self._prefix)

    def close(self) -> None:
        """Withdraw all topics."""
        with self._lock:
            for topic in list(self._publishers):
                self._withdraw(topic)
            self._classes.configure(frozenset(), None)

    def check_subscribers(self) -> None:
        """
        Look for subscribers whose QoS the publishers do not meet, and warn of new ones.

        Nothing may be withdrawn meanwhile.
        """
        publishers = dict(self._publishers)
        for topic in set(self._unmakable) - self.wanted():
            self._unmakable.pop(topic, None)
        found = {}
        for topic, publisher in publishers.items():
            for subscriber in self._node.get_subscriptions_info_by_topic(publisher.topic_name):
                asked = unmet_policies(publisher.qos_profile, subscriber.qos_profile)
                if asked:
                    found[topic] = f'{subscriber.node_name} asks for {" and ".join(asked)}'
        for topic in found.keys() - self._incompatible.keys():
            self._node.get_logger().warning(
                f'a subscriber of {self._prefix}{topic} gets nothing, its QoS does not fit '
                f'({found[topic]}); see qos.{qos_topic(topic)}.reliability'
            )
        self._incompatible = found

    def wanted(self) -> frozenset[str]:
        """Return the topics that need a frame: somebody subscribes to them or their like."""
        publishers = dict(self._publishers)
        wanted = frozenset(topic for topic, each in publishers.items() if has_subscriber(each))
        if self._fused_costmap is not None and self._fused_costmap.is_wanted:
            wanted |= {COSTMAP} & publishers.keys()
        return wanted | self._classes.wanted()

    @property
    def is_wanted(self) -> bool:
        """Return whether any topic needs a frame; quicker than `wanted` while one does."""
        publishers = [*self._publishers.values()]
        return any(map(has_subscriber, publishers)) or bool(self.wanted())

    def publish(self, frame: FrameResult, wanted: AbstractSet[str]) -> None:
        """
        Publish one frame on those of the wanted topics that are offered, under its own header.

        Raises ImageError when a picture cannot be packed. An output that the frame's geometry
        does not allow is left out, which the log and `unserved_topics` report.
        """
        with self._lock:
            self._classes.follow(frame.header, frame.config)
            topics = wanted & self._publishers.keys()
            for name, output in IMAGE_OUTPUTS.items():
                if name in topics or f'{name}{COMPRESSED}' in topics:
                    self._publish_image(name, output, frame, topics)
            for name in MESSAGE_OUTPUTS:
                if name in topics:
                    self._publish_message(name, frame)

    def _publish_image(
        self, name: str, output: ImageOutput, frame: FrameResult, topics: AbstractSet[str]
    ) -> None:
        message = self._image(name, output.encoding, frame.rendering.size)
        message.header = frame.header
        pixels = image_array(message)
        output.draw(frame.rendering, pixels)
        if name in topics:
            self._publishers[name].publish(message)
        if f'{name}{COMPRESSED}' in topics:
            file_format = FRAME_OUTPUTS[name].compressed_format
            quality = frame.config.render.jpeg_quality
            packed = encode_png(pixels) if file_format == 'png' else encode_jpeg(pixels, quality)
            data = array.array('B')
            data.frombytes(packed.data)
            self._publishers[f'{name}{COMPRESSED}'].publish(
                CompressedImage(header=frame.header, format=file_format, data=data)
            )

    def _publish_message(self, name: str, frame: FrameResult) -> None:
        try:
            message = self._converters[name](frame)
        except GeometryError as error:
            reason = self._unmakable[name] = shown(str(error), _MOST_CHARACTERS)
            message = f'cannot make {self._prefix}{name}: {reason}'
            if self._throttle.is_due(message):
                self._node.get_logger().warning(message)
            return
        self._unmakable.pop(name, None)
        self._publishers[name].publish(message)
        if name == COSTMAP and self._fused_costmap is not None:
            decay_s = frame.config.settings.costmap.decay_s
            self._fused_costmap.add(self._prefix, message, decay_s)

    def _image(self, name: str, encoding: str, size: tuple[int, int]) -> Image:
        message = self._images.get(name)
        if message is None or (message.height, message.width) != size:
            message = self._images[name] = new_image(*size, encoding)
        return message

    def _offer(self, topic: str, qos: TopicQos) -> None:
        message_type = _message_type(topic)
        if message_type is None:
            return
        name = f'{self._prefix}{topic}'
        is_latched = topic in FRAME_OUTPUTS and FRAME_OUTPUTS[topic].is_latched
        self._publishers[topic] = self._node.create_publisher(
            message_type,
            name,
            output_profile(qos, self._node, name, is_latched=is_latched),
            # Every event of every publisher would be one more thing to look at for each message
            # that comes in; check_subscribers() does the same once a second.
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )
        self._qos[topic] = qos

    def _withdraw(self, topic: str) -> None:
        self._node.destroy_publisher(self._publishers.pop(topic))
        del self._qos[topic]
        self._images.pop(topic, None)


def _message_type(topic: str) -> type | None:
    if topic in MESSAGE_OUTPUTS:
        return MESSAGE_OUTPUTS[topic].message_type
    return CompressedImage if topic.endswith(COMPRESSED) else Image
