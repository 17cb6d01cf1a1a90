# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hint at why no image comes: what the ROS graph has on its topic and in place of it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rtformer_ros.ros.input.image_topic import COMPRESSED_TYPE, RAW_TYPE
from rtformer_ros.ros.interface.qos import unmet_policies
from rtformer_ros.ros.interface.topics import COMPRESSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rclpy.node import Node
    from rclpy.qos import QoSProfile

_SHOWN_TOPICS = 5
HINT_AFTER_S = 5.0
"""Seconds without an image after which somebody should know why."""

_REPEAT_S = 30.0


@dataclass
class Reminder:
    """Schedule of a warning: after 5 s of silence, and then every 30 s."""

    _last_s: float = float('-inf')

    def is_due(self, now_s: float, silent_s: float) -> bool:
        """Return whether to warn now, and count it as done; now_s: of any steady clock."""
        if silent_s < HINT_AFTER_S or now_s - self._last_s < _REPEAT_S:
            return False
        self._last_s = now_s
        return True


def image_hint(node: Node, topic: str, asked: QoSProfile, *, compressed: bool) -> str:
    """Return what is on the topic and which image topics there are now, in one line."""
    offers = node.get_publishers_info_by_topic(topic)
    types = [offer.topic_type for offer in offers]
    unmet = {policy for each in offers for policy in unmet_policies(each.qos_profile, asked)}
    own = f'{node.get_fully_qualified_name()}/'
    topics = [
        name
        for name, kinds in node.get_topic_names_and_types()
        if {RAW_TYPE, COMPRESSED_TYPE} & {*kinds}
        and not name.startswith(own)
        and node.count_publishers(name)
    ]
    wanted = COMPRESSED_TYPE if compressed else RAW_TYPE
    return '; '.join(
        filter(None, (_publishers(types, wanted), _qos(unmet), _others(topic, topics, wanted)))
    )


def _publishers(types: Sequence[str], wanted: str) -> str:
    count = f'{len(types)} publisher{"" if len(types) == 1 else "s"}'
    others = sorted({_short(kind) for kind in types if kind != wanted})
    if not others:
        return count
    return f'{count}, of {", ".join(others)} where {_short(wanted)} is expected'


def _qos(unmet: set[str]) -> str:
    if not unmet:
        return ''
    return f'QoS mismatch: {", ".join(sorted(unmet))} is asked for and not offered'


def _others(topic: str, topics: Sequence[str], wanted: str) -> str:
    """Return the image topics, nearest name first, and the transport that would fit."""
    counterpart = (
        topic.removesuffix(COMPRESSED) if wanted == COMPRESSED_TYPE else f'{topic}{COMPRESSED}'
    )
    if topic not in topics and counterpart in topics:
        if wanted == RAW_TYPE:
            return f'only the compressed form {counterpart} exists: image_transport:=compressed'
        return f'only the raw form {counterpart} exists: image_transport:=raw'
    others = sorted(
        (each for each in topics if each != topic),
        key=lambda each: (-SequenceMatcher(None, topic, each).ratio(), each),
    )
    if not others:
        return '' if topic in topics else 'there is no image topic now: start the camera'
    left = len(others) - _SHOWN_TOPICS
    more = f' and {left} more' if left > 0 else ''
    return f'image topics now: {", ".join(others[:_SHOWN_TOPICS])}{more}; remap image to one'


def _short(kind: str) -> str:
    return kind.replace('/msg/', '/')
