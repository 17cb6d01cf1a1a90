# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image topics of a bag: those of cameras, those of depth, and masks of this package."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, ImageError, listed

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rtformer_ros.media.bag_reader import BagReader

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
IMAGE_OUTPUTS = ('mask', 'color_mask', 'overlay', 'confidence')
"""Names of the images that this package makes."""

NODE_NAMESPACE = '/segmentation_node'

_IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)
_COMPRESSED, _COMPRESSED_DEPTH = '/compressed', '/compressedDepth'
_DEPTH_ENCODINGS = ('16uc1', '32fc1')
_GREY_ENCODINGS = ('mono', '8uc1')
# The first one may be broken.
_MESSAGES_LOOKED_AT = 5


@dataclass(frozen=True)
class ImageTopics:
    """
    The topics of a bag that hold images.

    pictures: of cameras, those in colour first, those without any message last, else by name.
    empty: those of them without any message. depth: distances (16UC1, 32FC1, compressedDepth).
    made: masks and the like that this package made. topics: all of the bag.
    """

    pictures: tuple[str, ...]
    empty: tuple[str, ...]
    depth: tuple[str, ...]
    made: tuple[str, ...]
    topics: tuple[str, ...]

    def chosen(self, path: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """
        Return the wanted topics of the bag at `path`, for () all pictures that differ.

        A raw topic goes before its compressed form, and what has messages before what has none.
        Raises ConfigError where a wanted one holds no images, or nothing is a picture.
        """
        known = sorted({*self.pictures, *self.depth, *self.made})
        missing = [topic for topic in wanted if topic not in known]
        if missing:
            raise ConfigError(
                f'{path} has no images on {listed(missing)}; its image topics are: '
                f'{listed(known) or "none"}'
            )
        if wanted:
            return tuple(sorted(set(wanted)))
        if not self.pictures:
            raise ConfigError(self._refusal(path))
        filled = sorted(set(self.pictures) - set(self.empty)) or sorted(self.pictures)
        return tuple(t for t in filled if t.removesuffix(_COMPRESSED) not in set(filled) - {t})

    def _refusal(self, path: Path) -> str:
        left_out = [
            f'{what} ({listed(topics)})'
            for what, topics in (('depth', self.depth), ('masks', self.made))
            if topics
        ]
        if left_out:
            return (
                f'{path} has no images of a camera on any topic, only {" and ".join(left_out)}; '
                'name the topic to take it all the same'
            )
        return (
            f'{path} has no images on any topic, none of type {IMAGE} or {COMPRESSED_IMAGE}; its '
            f'topics are: {listed(self.topics) or "none"}'
        )


def find_image_topics(reader: BagReader, namespace: str = NODE_NAMESPACE) -> ImageTopics:
    """
    Look at the first messages of each image topic of an open bag.

    namespace: where this package's outputs are, beside those of any `segmentation_node`. Raises
    ImageError where the bag cannot be read.
    """
    connections = {c.topic: c for c in reader.connections if c.msgtype in _IMAGE_TYPES}
    made = {topic for topic in connections if is_image_output(topic, namespace)}
    encodings = {
        topic: _encoding(reader, connection)
        for topic, connection in connections.items()
        if topic not in made
    }
    depth = {topic for topic, encoding in encodings.items() if _is_depth(topic, encoding)}
    ranks = {
        topic: (encoding is None, (encoding or '').startswith(_GREY_ENCODINGS), topic)
        for topic, encoding in encodings.items()
        if topic not in depth
    }
    return ImageTopics(
        tuple(sorted(ranks, key=ranks.__getitem__)),
        tuple(sorted(topic for topic in ranks if encodings[topic] is None)),
        tuple(sorted(depth)),
        tuple(sorted(made)),
        tuple(sorted({c.topic for c in reader.connections})),
    )


def is_image_output(topic: str, namespace: str = NODE_NAMESPACE) -> bool:
    """Return whether a topic has the name of an image that this package makes."""
    *parents, name = topic.removesuffix(_COMPRESSED).split('/')
    is_ours = topic.startswith(f'{namespace.rstrip("/")}/') if namespace != '/' else False
    return name in IMAGE_OUTPUTS and (is_ours or NODE_NAMESPACE.strip('/') in parents)


def _encoding(reader: BagReader, connection: Connection) -> str | None:
    """Return encoding or format of a topic's images in small letters, None without a message."""
    encoding = None
    for _, _, data in islice(reader.messages([connection]), _MESSAGES_LOOKED_AT):
        encoding = ''
        try:
            message = reader.deserialize(data, connection.msgtype)
        except ImageError:
            continue
        is_raw = connection.msgtype == IMAGE
        return str(message.encoding if is_raw else message.format).strip().lower()
    return encoding


def _is_depth(topic: str, encoding: str | None) -> bool:
    if topic.endswith(_COMPRESSED_DEPTH) or 'compresseddepth' in (encoding or ''):
        return True
    # Drivers older than REP 118 call millimetres mono16.
    is_old = (encoding or '').startswith('mono16') and 'depth' in topic
    return is_old or (encoding or '').startswith(_DEPTH_ENCODINGS)
