"""Publish what somebody listens to, and draw nothing else."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from rtformer_ros.imaging.codecs import encode_jpeg, encode_png
from rtformer_ros.rendering import Rendering
from rtformer_ros.ros.camera_info import scaled_camera_info
from rtformer_ros.ros.image_messages import image_array, new_image
from rtformer_ros.ros.qos import PublisherEventCallbacks, output_profile, unmet_policies

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    import numpy as np
    import numpy.typing as npt
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from std_msgs.msg import Header

    from rtformer_ros.ros.settings import OutputSettings, TopicQos

    Pixels = npt.NDArray[np.uint8]

CAMERA_INFO = 'camera_info'


@dataclass(frozen=True)
class ImageOutput:
    """
    One image topic under ~/: its encoding, what draws it, and its file form ('' has none).

    A mask is never JPEG, which would change ids.
    """

    encoding: str
    draw: Callable[[Rendering, Pixels], None]
    compressed_format: str = ''


IMAGE_OUTPUTS = {
    'mask': ImageOutput('mono8', Rendering.mask, 'png'),
    'color_mask': ImageOutput('rgb8', Rendering.color_mask, 'jpeg'),
    'overlay': ImageOutput('rgb8', Rendering.overlay, 'jpeg'),
    'confidence': ImageOutput('mono8', Rendering.confidence),
}


def output_topics() -> list[str]:
    """Return the names of all topics under ~/."""
    topics = list(IMAGE_OUTPUTS)
    topics += [f'{name}/compressed' for name, row in IMAGE_OUTPUTS.items() if row.compressed_format]
    return [*topics, CAMERA_INFO]


def message_type(topic: str) -> type:
    """Return the message type of a topic under ~/."""
    if topic == CAMERA_INFO:
        return CameraInfo
    is_compressed = topic.endswith('/compressed')
    return CompressedImage if is_compressed else Image


class Outputs:
    """
    The publishers under ~/; thread-safe.

    Messages are filled in place and used again for the next frame, which saves an allocation and
    a conversion a frame; rclpy has copied them when `publish` returns.
    """

    def __init__(self, node: Node) -> None:
        """Keep the node; nothing is published before `configure`."""
        self._node = node
        self._lock = threading.RLock()
        self._publishers: dict[str, Publisher] = {}
        self._qos: dict[str, TopicQos] = {}
        self._images: dict[str, Image] = {}
        self._incompatible: dict[str, str] = {}

    @property
    def incompatible_topics(self) -> dict[str, str]:
        """Return, by topic, why a subscriber that was there at the last check gets nothing."""
        return dict(self._incompatible)

    def configure(self, settings: OutputSettings) -> None:
        """Offer exactly these topics with this QoS; those that do not change stay as they are."""
        with self._lock:
            for topic in [t for t, qos in self._qos.items() if settings.topics.get(t) != qos]:
                self._withdraw(topic)
            for topic, qos in settings.topics.items():
                if topic not in self._publishers:
                    self._offer(topic, qos)

    def close(self) -> None:
        """Withdraw all topics."""
        with self._lock:
            for topic in list(self._publishers):
                self._withdraw(topic)
            self._images.clear()

    def check_subscribers(self) -> None:
        """Look for subscribers whose QoS the publishers do not meet, and warn of new ones."""
        with self._lock:
            publishers = dict(self._publishers)
        found = {}
        for topic, publisher in publishers.items():
            for subscriber in self._node.get_subscriptions_info_by_topic(publisher.topic_name):
                asked = unmet_policies(publisher.qos_profile, subscriber.qos_profile)
                if asked:
                    found[topic] = f'{subscriber.node_name} asks for {" and ".join(asked)}'
        for topic in found.keys() - self._incompatible.keys():
            self._node.get_logger().warning(
                f'a subscriber of ~/{topic} gets nothing, its QoS does not fit ({found[topic]}); '
                f'see qos.{topic.split("/")[0]}.reliability'
            )
        self._incompatible = found

    def wanted(self) -> frozenset[str]:
        """Return the topics that have a subscriber."""
        with self._lock:
            return frozenset(
                topic
                for topic, publisher in self._publishers.items()
                if publisher.get_subscription_count()
            )

    def publish(
        self,
        header: Header,
        rendering: Rendering,
        jpeg_quality: int,
        wanted: AbstractSet[str],
        camera_info: CameraInfo | None,
    ) -> None:
        """
        Publish one frame on those of the wanted topics that are offered, under its own header.

        Raises ImageError when a picture cannot be packed.
        """
        with self._lock:
            topics = wanted & self._publishers.keys()
            for name, output in IMAGE_OUTPUTS.items():
                if name in topics or f'{name}/compressed' in topics:
                    self._publish_image(name, output, header, rendering, jpeg_quality, topics)
            if CAMERA_INFO in topics and camera_info is not None:
                height, width = rendering.size
                self._publishers[CAMERA_INFO].publish(
                    scaled_camera_info(camera_info, header, height, width)
                )

    def _publish_image(
        self,
        name: str,
        output: ImageOutput,
        header: Header,
        rendering: Rendering,
        jpeg_quality: int,
        topics: AbstractSet[str],
    ) -> None:
        message = self._image(name, output.encoding, rendering.size)
        message.header = header
        pixels = image_array(message)
        output.draw(rendering, pixels)
        if name in topics:
            self._publishers[name].publish(message)
        if f'{name}/compressed' in topics:
            is_png = output.compressed_format == 'png'
            packed = encode_png(pixels) if is_png else encode_jpeg(pixels, jpeg_quality)
            data = array.array('B')
            data.frombytes(packed.data)
            self._publishers[f'{name}/compressed'].publish(
                CompressedImage(header=header, format=output.compressed_format, data=data)
            )

    def _image(self, name: str, encoding: str, size: tuple[int, int]) -> Image:
        message = self._images.get(name)
        if message is None or (message.height, message.width) != size:
            message = self._images[name] = new_image(*size, encoding)
        return message

    def _offer(self, topic: str, qos: TopicQos) -> None:
        name = f'~/{topic}'
        self._publishers[topic] = self._node.create_publisher(
            message_type(topic),
            name,
            output_profile(qos, self._node, name),
            # Every event of every publisher would be one more thing to look at for each message
            # that comes in; check_subscribers() does the same once a second.
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )
        self._qos[topic] = qos

    def _withdraw(self, topic: str) -> None:
        self._node.destroy_publisher(self._publishers.pop(topic))
        del self._qos[topic]
        self._images.pop(topic, None)
