"""Subscriptions to the image and calibration of a camera, of the QoS that it offers."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from rclpy.qos import qos_policy_name_from_kind
from sensor_msgs.msg import CameraInfo

from rtformer_ros.ros.input.camera_info import CameraInfoCache
from rtformer_ros.ros.input.image_hint import image_hint
from rtformer_ros.ros.input.image_topic import ImageTopic
from rtformer_ros.ros.interface.qos import SubscriptionEventCallbacks, input_profile
from rtformer_ros.ros.interface.topics import CAMERA_INFO_TOPIC

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.qos import QoSProfile
    from rclpy.subscription import Subscription
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

    from rtformer_ros.ros.interface.qos import IncompatibleQos
    from rtformer_ros.ros.interface.settings import InputSettings

_REMEMBERED_IMAGES = 256
_FINGERPRINT_BYTES = 4096


@dataclass(frozen=True)
class ReceivedImage:
    """Image message and when it arrived, in seconds of time.monotonic()."""

    message: Image | CompressedImage
    received_s: float


class CameraInput:
    """
    Subscriptions to one camera's image and calibration.

    Callbacks run in the given callback group; the other methods are thread-safe.
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
        self._twice = _TwiceReceived()
        self._camera_info: Subscription | None = None
        self._last_frame_s: float | None = None
        self._started_s: float | None = None
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
    def silent_s(self) -> float | None:
        """Return the seconds since the last frame, None before the first."""
        last_s = self._last_frame_s
        return None if last_s is None else time.monotonic() - last_s

    @property
    def waited_s(self) -> float:
        """Return the seconds since the last frame or the subscription; 0 without one."""
        since_s = self._last_frame_s or self._started_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def hint(self) -> str:
        """Return what is on the topic and which image topics there are, '' unsubscribed."""
        with self._lock:
            subscription, compressed = self._image, self._topic.is_compressed
            asked = subscription.qos_profile if subscription is not None else None
        if asked is None:
            return ''
        return image_hint(self._node, self.topic, asked, compressed=compressed)

    @property
    def incompatible_policy(self) -> str:
        """Return the QoS policy by which a publisher was refused, '' where none was."""
        return self._incompatible_policy

    def calibration(self, header: Header) -> CameraInfo | None:
        """Return the calibration with the image's stamp, else the newest, else None."""
        return self._infos.find(header)

    def start(self) -> None:
        """Subscribe."""
        with self._lock:
            self._started_s = time.monotonic()
            self._topic.choose(self._settings.transport)
            self._subscribe_image(self._image_profile())
            self._subscribe_camera_info(self._camera_info_profile())

    def stop(self) -> None:
        """Unsubscribe; harmless when nothing is subscribed."""
        with self._lock:
            self._end_replacement()
            for subscription in (self._image, self._camera_info):
                if subscription is not None:
                    self._node.destroy_subscription(subscription)
            self._image = self._camera_info = None
            self._incompatible_policy = ''
            self._last_frame_s = self._started_s = None

    def configure(self, settings: InputSettings) -> None:
        """Take other settings, and subscribe anew if they differ."""
        with self._lock:
            if settings == self._settings:
                return
            is_started = self._image is not None
            self.stop()
            self._settings = settings
            self._topic.choose(settings.transport)
            if is_started:
                self.start()

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
                if is_another or _differ(profile, self._image.qos_profile):
                    self._replaced_image = self._image
                    self._subscribe_image(profile)
            if self._camera_info is not None:
                profile = self._camera_info_profile()
                if _differ(profile, self._camera_info.qos_profile):
                    self._node.destroy_subscription(self._camera_info)
                    self._subscribe_camera_info(profile)

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

    def _end_replacement(self) -> None:
        if self._replaced_image is not None:
            self._node.destroy_subscription(self._replaced_image)
            self._replaced_image = None
            self._twice.clear()

    def _receive(self, profile: QoSProfile, message: Image | CompressedImage) -> None:
        """Take what comes by the subscription of that profile object."""
        if self._replaced_image is not None:
            is_new = profile is self._newest_profile
            if self._twice.is_repeated(message, is_new=is_new):
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

    def clear(self) -> None:
        self._counts.clear()

    def is_repeated(self, message: Image | CompressedImage, *, is_new: bool) -> bool:
        """Count a message of one of both; return whether the other one brought it before."""
        stamp = message.header.stamp
        key = (stamp.sec, stamp.nanosec, _fingerprint(message))
        counts = self._counts[key] = self._counts.pop(key, [0, 0])
        counts[is_new] += 1
        while len(self._counts) > _REMEMBERED_IMAGES:
            del self._counts[next(iter(self._counts))]
        return counts[is_new] <= counts[not is_new]


def _fingerprint(message: Image | CompressedImage) -> int:
    """Return a checksum of bytes from all over the data: a few thousand, as time is short."""
    if not len(message.data):
        return 0
    data = np.frombuffer(message.data, np.uint8)
    return zlib.crc32(data[:: max(1, data.size // _FINGERPRINT_BYTES)].tobytes())


def _differ(wanted: QoSProfile, used: QoSProfile) -> bool:
    return bool(wanted.reliability != used.reliability)
