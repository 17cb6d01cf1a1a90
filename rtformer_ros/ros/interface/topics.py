# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Topics of the node: their names, and what holds for each output."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtformer_ros.engines.frames.painting import PICTURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

IMAGE_TOPIC = 'image'
COMPRESSED = '/compressed'
COMPRESSED_TOPIC = f'{IMAGE_TOPIC}{COMPRESSED}'
CAMERA_INFO_TOPIC = 'camera_info'
DEPTH_TOPIC = 'depth/image'
COSTMAP = 'costmap'
POINTS = 'points'
DETECTIONS = 'detections'


@dataclass(frozen=True)
class OutputTopic:
    """
    Output topic, under ~/.

    name: without ~/. qos_topic: the topic whose qos.* parameters it shares, '' for its own.
    needs_confidence: it reads the confidence, which is brought to the output's size only where a
    topic does. reads_depth: it waits for the depth image, where one flows. is_latched: late
    subscribers get the last message. compressed_format: 'png' or 'jpeg' of the topic
    NAME/compressed, '' where there is none; a mask is never JPEG, which would change ids.
    """

    name: str
    qos_topic: str = ''
    needs_confidence: bool = False
    reads_depth: bool = False
    is_latched: bool = False
    compressed_format: str = ''


def _by_name(*topics: OutputTopic) -> Mapping[str, OutputTopic]:
    return MappingProxyType({topic.name: topic for topic in topics})


FRAME_OUTPUTS = _by_name(
    OutputTopic('mask', compressed_format='png'),
    OutputTopic('color_mask', compressed_format='jpeg'),
    OutputTopic('overlay', compressed_format='jpeg'),
    OutputTopic('confidence', needs_confidence=True),
    OutputTopic('camera_info', qos_topic='mask'),
    # Maps are latched: Nav2's static layer hears no other.
    OutputTopic(COSTMAP, needs_confidence=True, is_latched=True),
    OutputTopic('scan', needs_confidence=True),
    OutputTopic(POINTS, needs_confidence=True, reads_depth=True),
    OutputTopic('regions', needs_confidence=True, reads_depth=True),
    OutputTopic(DETECTIONS, qos_topic='regions', needs_confidence=True, reads_depth=True),
    OutputTopic('coverage'),
)
"""What is made of each frame."""

CLASS_OUTPUTS = _by_name(
    OutputTopic('label_info', is_latched=True),
    OutputTopic('labels', is_latched=True),
    OutputTopic('legend', is_latched=True),
)
"""What is said of the classes, once for each change; of a QoS that nobody sets."""


def frame_topics() -> list[str]:
    """Return the names of the topics that a message is made for with each frame."""
    compressed = [f'{row.name}{COMPRESSED}' for row in _rows() if row.compressed_format]
    return [*FRAME_OUTPUTS, *compressed]


def class_topics() -> list[str]:
    """Return the names of the latched topics about the classes."""
    return list(CLASS_OUTPUTS)


def output_topics() -> list[str]:
    """Return the names of all topics under ~/."""
    return [*frame_topics(), *class_topics()]


def tunable_topics() -> list[str]:
    """Return the outputs that have qos.* parameters of their own."""
    return [row.name for row in _rows() if not row.qos_topic]


def qos_topic(topic: str) -> str:
    """Return the topic whose qos.* parameters a frame topic has: its own, or one it goes with."""
    name = topic.removesuffix(COMPRESSED)
    return FRAME_OUTPUTS[name].qos_topic or name


def topics_of_qos(topic: str) -> list[str]:
    """Return the frame topics that have the qos.* parameters of this one, itself the first."""
    return [topic, *(name for name in frame_topics() if qos_topic(name) == topic != name)]


def need_confidence(topics: AbstractSet[str]) -> bool:
    """Tell whether one of the frame topics reads the confidence."""
    return any(row.needs_confidence for row in _rows() if row.name in topics)


def pictures_of(topics: AbstractSet[str]) -> frozenset[str]:
    """Return the pictures that frame topics show, compressed or not, and an engine can paint."""
    return PICTURES & {topic.removesuffix(COMPRESSED) for topic in topics}


def reading_depth(topics: AbstractSet[str]) -> frozenset[str]:
    """Return those of the topics that read the depth image."""
    return frozenset(row.name for row in _rows() if row.reads_depth and row.name in topics)


def _rows() -> Iterable[OutputTopic]:
    return FRAME_OUTPUTS.values()
