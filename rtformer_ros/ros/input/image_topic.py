# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Topic that a camera's images come on: the image as it is, or its compressed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.ros.interface.topics import COMPRESSED, COMPRESSED_TOPIC, IMAGE_TOPIC
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    from rclpy.node import Node
    from rtformer_ros.ros.interface.settings import ImageTransport

RAW_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'


class ImageTopic:
    """
    Topic of a camera's images, by transport and by what its publishers offer.

    prefix: 'CAMERA/' for a camera that has a name, else ''. name: the full one, as it was chosen
    last; is_compressed: whether its messages are CompressedImage.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        """Begin with the raw form."""
        self._node = node
        self._prefix = prefix
        self.name = self._raw
        self.is_compressed = False

    @property
    def kind(self) -> type[Image | CompressedImage]:
        """Return the type of the messages."""
        return CompressedImage if self.is_compressed else Image

    def choose(self, transport: ImageTransport) -> None:
        """
        Choose the form.

        'auto' is raw where somebody publishes that, compressed where somebody publishes that
        alone, and else what it was.
        """
        raw, compressed = self._raw, self._compressed
        is_offered = self._has(compressed, COMPRESSED_TYPE)
        if transport == 'raw' or (transport == 'auto' and self._has(raw, RAW_TYPE)):
            self.name, self.is_compressed = raw, False
        elif is_offered or (transport == 'compressed' and not self.is_compressed):
            self.name, self.is_compressed = compressed, True

    @property
    def _raw(self) -> str:
        return self._node.resolve_topic_name(f'{self._prefix}{IMAGE_TOPIC}')

    @property
    def _compressed(self) -> str:
        """
        Return the full name of the compressed form.

        It follows a remapped `image`, as image_transport does, unless it is remapped itself, or
        `image` is one already, by what is published there or by its name.
        """
        raw = self._raw
        if self._has(raw, COMPRESSED_TYPE):
            return raw
        name = f'{self._prefix}{COMPRESSED_TOPIC}'
        compressed = self._node.resolve_topic_name(name)
        if compressed != self._node.resolve_topic_name(name, only_expand=True):
            return compressed
        return raw if raw.endswith(COMPRESSED) else f'{raw}{COMPRESSED}'

    def _has(self, topic: str, kind: str) -> bool:
        offers = self._node.get_publishers_info_by_topic(topic)
        return any(offer.topic_type == kind for offer in offers)
