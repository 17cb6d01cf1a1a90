# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A camera of the soak: what it sent, and whether each mask that comes back can be right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
import time
from typing import Any

from closed_form_models import expected_class_map
import numpy as np
from ros_peer import Camera, NODE, RosPeer
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CompressedImage, Image

UNLABELED = 255
STALL_S = 1.0
_KEPT = 400


@dataclass(frozen=True)
class MaskRules:
    """
    How the node is set: what turns an image into a mask.

    order: of the channels in the model. threshold: of the confidence, in bytes. merged: whether
    class 0 is published as class 1.
    """

    order: tuple[int, int, int] = (0, 1, 2)
    threshold: int = 0
    merged: bool = False

    def mask(self, image_hwc: np.ndarray) -> np.ndarray:
        ids = expected_class_map(image_hwc, self.order)
        if self.merged:
            ids = np.where(ids == 0, np.uint8(1), ids)
        return np.where(image_hwc.max(axis=2) < self.threshold, np.uint8(UNLABELED), ids)


@dataclass(frozen=True)
class Sent:
    """An image that was sent, under the rules that may hold for it; no image: no mask may come."""

    image_hwc: np.ndarray | None
    rules: frozenset[MaskRules]
    sent_s: float


class ObservedCamera:
    """Sends images under numbers, in their frame_id, and checks all masks."""

    def __init__(self, peer: RosPeer, name: str, count: Counter[str], faults: list[str]) -> None:
        self.name = name
        self.output = f'{NODE}/{name}/mask' if name else f'{NODE}/mask'
        self.camera = Camera(peer, topic=f'{name}/image' if name else 'image')
        depth = f'{name}/depth/image' if name else 'depth/image'
        self._depths = peer.node.create_publisher(Image, depth, 5)
        self._count, self._faults = count, faults
        self._sent: dict[str, Sent] = {}
        self._number = 0
        self.answered: set[str] = set()
        peer.node.create_subscription(Image, self.output, self._check, 100)

    def send(
        self,
        message: Image | CompressedImage,
        image_hwc: np.ndarray | None,
        rules: frozenset[MaskRules],
        frame_id: str = '',
    ) -> str:
        """Publish an image; return its frame_id."""
        self._number += 1
        frame_id = f'{self.name}/{self._number}{frame_id}'
        message.header.frame_id = frame_id
        if message.header.stamp.sec == 0:
            self._stamp(message.header)
        self._sent[frame_id] = Sent(image_hwc, rules, time.monotonic())
        if len(self._sent) > _KEPT:
            del self._sent[next(iter(self._sent))]
        is_raw = isinstance(message, Image)
        (self.camera.images if is_raw else self.camera.compressed).publish(message)
        return frame_id

    def allow(self, rules: MaskRules) -> None:
        """Let these rules hold, too, for all that is under way: the node is being changed."""
        for frame_id, sent in self._sent.items():
            if frame_id not in self.answered:
                self._sent[frame_id] = replace(sent, rules=sent.rules | {rules})

    def send_depth(self, message: Image) -> None:
        """Publish a depth image, for the latest image unless it has a stamp."""
        if message.header.stamp.sec == 0:
            self._stamp(message.header)
        self._depths.publish(message)

    def _stamp(self, header: Any) -> None:
        header.stamp.sec, header.stamp.nanosec = 1000 + self._number // 100, self._number % 100

    def _check(self, mask: Image) -> None:
        self._count['masks'] += 1
        sent = self._sent.get(mask.header.frame_id)
        if sent is None:
            return self._fault(mask, 'of an image that was not sent')
        if mask.header.frame_id in self.answered:
            return self._fault(mask, 'for the second time')
        self.answered.add(mask.header.frame_id)
        if len(self.answered) > 4 * _KEPT:
            self.answered = {each for each in self.answered if each in self._sent}
        late_s = time.monotonic() - sent.sent_s
        self._count['slowest ms'] = max(self._count['slowest ms'], round(1000 * late_s))
        if sent.image_hwc is None:
            return self._fault(mask, 'of a message in which there is no image')
        ids = image_array(mask)
        if not any(np.array_equal(ids, each.mask(sent.image_hwc)) for each in sent.rules):
            return self._fault(mask, f'that fits none of {sorted(map(str, sent.rules))}')
        return None

    def _fault(self, mask: Image, what: str) -> None:
        self._count['wrong masks'] += 1
        self._faults.append(f'a mask {what}: {mask.header.frame_id[:60]}')
