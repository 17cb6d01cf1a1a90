"""Subscriptions to the image and calibration of a camera, of the QoS that it offers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

_REMEMBERED_STAMPS = 64


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
        self._stamps_during_replacement: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_STAMPS)
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
        self._image = self._node.create_subscription(
            self._topic.kind,
            self._topic.name,
            self._receive,
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
            self._stamps_during_replacement.clear()

    def _came_before(self, message: Image | CompressedImage) -> bool:
        """Tell whether a message came by the other subscription already."""
        if self._replaced_image is None:
            return False
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if stamp in self._stamps_during_replacement:
            return True
        self._stamps_during_replacement.append(stamp)
        return False

    def _receive(self, message: Image | CompressedImage) -> None:
        if self._came_before(message):
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


def _differ(wanted: QoSProfile, used: QoSProfile) -> bool:
    return bool(wanted.reliability != used.reliability)
