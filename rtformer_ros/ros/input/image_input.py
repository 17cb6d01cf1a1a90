# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to the image and calibration of a camera, while they are wanted, of its QoS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import threading
import time
from typing import TYPE_CHECKING
import zlib

import numpy as np
from rclpy.qos import qos_policy_name_from_kind
from rtformer_ros.ros.input.camera_info import CameraInfoCache
from rtformer_ros.ros.input.image_hint import image_hint
from rtformer_ros.ros.input.image_topic import ImageTopic
from rtformer_ros.ros.input.stamp import stamp_ns
from rtformer_ros.ros.interface.qos import (
    input_profile,
    matched_policies,
    SubscriptionEventCallbacks,
    unmet_policies,
)
from rtformer_ros.ros.interface.topics import CAMERA_INFO_TOPIC
from sensor_msgs.msg import CameraInfo

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.qos import QoSProfile
    from rclpy.subscription import Subscription
    from rtformer_ros.ros.interface.qos import IncompatibleQos
    from rtformer_ros.ros.interface.settings import InputSettings
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

_REMEMBERED_IMAGES = 256
_FINGERPRINT_BYTES = 4096
_POLICY_NAMES = {'reliable': 'RELIABILITY', 'transient_local': 'DURABILITY'}


@dataclass(frozen=True)
class ReceivedImage:
    """Image message and when it arrived, in seconds of time.monotonic()."""

    message: Image | CompressedImage
    received_s: float


class CameraInput:
    """
    Subscriptions to one camera's image and calibration.

    Between `start` and `stop` it listens or rests. At rest it has no subscription, so that the
    camera costs nothing, but for a calibration as long as none has come; whether the camera is
    there is seen in the ROS graph. Callbacks run in the given callback group; the other methods
    are thread-safe.
    """

    def __init__(
        self,
        node: Node,
        callback_group: CallbackGroup,
        settings: InputSettings,
        on_image: Callable[[ReceivedImage], None],
        prefix: str = '',
    ) -> None:
        """
        Keep what is needed; nothing is subscribed before `start`.

        prefix: a camera's name, whose topics are then CAMERA/image in place of image.
        """
        self._node = node
        self._prefix = f'{prefix}/' if prefix else ''
        self._topic = ImageTopic(node, self._prefix)
        self._topic.choose(settings.transport)
        self._group = callback_group
        self._settings = settings
        self._on_image = on_image
        self._infos = CameraInfoCache()
        # Parameters and transitions change the subscriptions in another thread than the timer.
        self._lock = threading.RLock()
        self._image: Subscription | None = None
        self._replaced_image: Subscription | None = None
        self._newest_profile: QoSProfile | None = None
        self._overlap: _TwiceReceived | _OtherForm = _TwiceReceived()
        self._camera_info: Subscription | None = None
        self._is_started = False
        self._last_frame_s: float | None = None
        # When listening began or, at rest, when a publisher was there last.
        self._well_s: float | None = None
        self._incompatible_policy = ''

    @property
    def topic(self) -> str:
        """Return the full name of the image topic."""
        return self._topic.name

    @property
    def publisher_count(self) -> int:
        """Return how many publishers the image topic has."""
        return self._node.count_publishers(self.topic)

    @property
    def is_resting(self) -> bool:
        """Return whether it is started, and does not listen."""
        return self._is_started and self._image is None

    @property
    def silent_s(self) -> float | None:
        """Return the seconds since the last frame, None before the first since it listens."""
        last_s = self._last_frame_s
        return None if last_s is None else time.monotonic() - last_s

    @property
    def waited_s(self) -> float:
        """
        Return the seconds since the last frame, or since it listens; 0 when it is not started.

        At rest those since a publisher was there that a subscription would hear.
        """
        since_s = self._last_frame_s or self._well_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def hint(self) -> str:
        """Return what is on the topic and which image topics there are, '' when not started."""
        with self._lock:
            if not self._is_started:
                return ''
            subscription, compressed = self._image, self._topic.is_compressed
            asked = subscription.qos_profile if subscription else self._image_profile()
        return image_hint(self._node, self.topic, asked, compressed=compressed)

    @property
    def incompatible_policy(self) -> str:
        """Return the QoS policy by which a publisher is refused, '' where none is."""
        return self._incompatible_policy

    def calibration(self, header: Header) -> CameraInfo | None:
        """Return the calibration with the image's stamp, else the newest, else None."""
        return self._infos.find(header)

    def start(self, *, listens: bool = True) -> None:
        """Listen, or rest until `listen` is called."""
        with self._lock:
            self._is_started = True
            self._topic.choose(self._settings.transport)
            self._subscribe_camera_info(self._camera_info_profile())
            if listens:
                self._listen()
            else:
                self._rest()

    def stop(self) -> None:
        """Unsubscribe; harmless when nothing is subscribed."""
        with self._lock:
            self._unsubscribe_image()
            self._unsubscribe_camera_info()
            self._is_started = False
            self._well_s = None

    def listen(self) -> None:
        """Subscribe, unless it is subscribed or not started."""
        with self._lock:
            if self.is_resting:
                self._listen()

    def rest(self) -> None:
        """Unsubscribe until `listen` is called; harmless at rest, or when it is not started."""
        with self._lock:
            if self._image is not None:
                self._rest()

    def configure(self, settings: InputSettings) -> None:
        """Take other settings, and subscribe anew to that which they are of."""
        with self._lock:
            before, self._settings = self._settings, settings
            if (
                settings.camera_info_qos != before.camera_info_qos
                and self._camera_info is not None
            ):
                self._unsubscribe_camera_info()
                self._subscribe_camera_info(self._camera_info_profile())
            if (settings.transport, settings.image_qos) == (before.transport, before.image_qos):
                return
            was_resting = self.is_resting
            self._unsubscribe_image()
            self._topic.choose(settings.transport)
            if was_resting:
                self._rest()
            elif self._is_started:
                self._listen()

    def follow_publishers(self) -> None:
        """
        Subscribe anew where publishers offer another form or QoS than is subscribed to.

        Call it about once a second, in the callback group: the old subscription to the image goes
        on until the next call, so that no frame is lost while the new one finds its publishers.
        """
        with self._lock:
            self._end_replacement()
            if self._image is not None:
                before = self._topic.name, self._topic.kind
                self._topic.choose(self._settings.transport)
                is_another = before != (self._topic.name, self._topic.kind)
                profile = self._image_profile()
                if is_another or matched_policies(profile) != matched_policies(
                    self._image.qos_profile
                ):
                    self._overlap = _OtherForm() if is_another else _TwiceReceived()
                    self._replaced_image = self._image
                    self._subscribe_image(profile)
                # The middleware tells of one that comes, and not when it has gone.
                self._look_for_refused(self._image.qos_profile)
            if self._camera_info is not None:
                profile = self._camera_info_profile()
                if matched_policies(profile) != matched_policies(self._camera_info.qos_profile):
                    self._unsubscribe_camera_info()
                    self._subscribe_camera_info(profile)
            if self.is_resting:
                self._look_from_rest()

    def _listen(self) -> None:
        self._last_frame_s = None
        self._well_s = time.monotonic()
        if self._camera_info is None:
            self._subscribe_camera_info(self._camera_info_profile())
        self._topic.choose(self._settings.transport)
        self._subscribe_image(self._image_profile())

    def _rest(self) -> None:
        self._unsubscribe_image()
        self._well_s = time.monotonic()
        self._look_from_rest()

    def _look_from_rest(self) -> None:
        """Look at the publishers as a subscription would, and end that to a known calibration."""
        if not self._infos.is_empty:
            self._unsubscribe_camera_info()
        self._topic.choose(self._settings.transport)
        if self._look_for_refused(self._image_profile()):
            self._well_s = time.monotonic()

    def _look_for_refused(self, asked: QoSProfile) -> bool:
        """Keep by which policy a publisher is refused now; return whether another one is not."""
        policies = [
            unmet_policies(each.qos_profile, asked)
            for each in self._node.get_publishers_info_by_topic(self.topic)
            if each.topic_type == f'sensor_msgs/msg/{self._topic.kind.__name__}'
        ]
        unmet = next(filter(None, policies), None)
        self._incompatible_policy = _POLICY_NAMES[unmet[0]] if unmet else ''
        return [] in policies

    def _image_profile(self) -> QoSProfile:
        return input_profile(self._settings.image_qos, self._node, self.topic)

    def _camera_info_profile(self) -> QoSProfile:
        topic = f'{self._prefix}{CAMERA_INFO_TOPIC}'
        return input_profile(self._settings.camera_info_qos, self._node, topic)

    def _subscribe_image(self, profile: QoSProfile) -> None:
        self._incompatible_policy = ''
        self._newest_profile = profile
        self._image = self._node.create_subscription(
            self._topic.kind,
            self._topic.name,
            partial(self._receive, profile),
            profile,
            callback_group=self._group,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._note_incompatible, use_default_callbacks=False
            ),
        )

    def _subscribe_camera_info(self, profile: QoSProfile) -> None:
        self._camera_info = self._node.create_subscription(
            CameraInfo,
            f'{self._prefix}{CAMERA_INFO_TOPIC}',
            self._infos.add,
            profile,
            callback_group=self._group,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )

    def _unsubscribe_image(self) -> None:
        self._end_replacement()
        if self._image is not None:
            self._node.destroy_subscription(self._image)
        self._image = self._last_frame_s = None
        self._incompatible_policy = ''

    def _unsubscribe_camera_info(self) -> None:
        if self._camera_info is not None:
            self._node.destroy_subscription(self._camera_info)
            self._camera_info = None

    def _end_replacement(self) -> None:
        if self._replaced_image is not None:
            self._node.destroy_subscription(self._replaced_image)
            self._replaced_image = None
            self._overlap = _TwiceReceived()

    def _receive(self, profile: QoSProfile, message: Image | CompressedImage) -> None:
        """Take what comes by the subscription of that profile object."""
        if self._replaced_image is not None:
            is_new = profile is self._newest_profile
            if self._overlap.is_left_out(message, is_new=is_new):
                return
        received_s = time.monotonic()
        self._last_frame_s = received_s
        self._on_image(ReceivedImage(message, received_s))

    def _note_incompatible(self, event: IncompatibleQos) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        self._incompatible_policy = policy
        self._node.get_logger().warning(
            f'a publisher of {self.topic} offers another {policy} QoS than is asked for, so none '
            f'of its images arrive; set qos.image.reliability to auto'
        )


class _TwiceReceived:
    """
    Filter for messages that come by an old and by a new subscription to one topic.

    Each comes by each at most once, so by stamp and content the copies that came by the two are
    counted: publishers may stamp all messages alike, and send the same picture again and again.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int, int], list[int]] = {}

    def is_left_out(self, message: Image | CompressedImage, *, is_new: bool) -> bool:
        """Count a message of one of both; return whether the other one brought it before."""
        stamp = message.header.stamp
        key = (stamp.sec, stamp.nanosec, _fingerprint(message))
        counts = self._counts[key] = self._counts.pop(key, [0, 0])
        counts[is_new] += 1
        while len(self._counts) > _REMEMBERED_IMAGES:
            del self._counts[next(iter(self._counts))]
        return counts[is_new] <= counts[not is_new]


class _OtherForm:
    """
    Filter for images that come by an old and by a new subscription, of another form or topic.

    Compressing takes time, so the images of one moment come one after the other. Those of the old
    subscription count until the new one has brought a later image, and from then on no more.
    """

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._has_taken_over = False

    def is_left_out(self, message: Image | CompressedImage, *, is_new: bool) -> bool:
        """Return whether an image of one of both came too late or too early."""
        image_ns = stamp_ns(message.header)
        if is_new:
            is_later = self._last_ns is None or image_ns > self._last_ns
            self._has_taken_over = self._has_taken_over or is_later
            return not self._has_taken_over
        self._last_ns = image_ns
        return self._has_taken_over


def _fingerprint(message: Image | CompressedImage) -> int:
    """Return a checksum of bytes from all over the data: a few thousand, as time is short."""
    if not len(message.data):
        return 0
    data = np.frombuffer(message.data, np.uint8)
    return zlib.crc32(data[:: max(1, data.size // _FINGERPRINT_BYTES)].tobytes())
