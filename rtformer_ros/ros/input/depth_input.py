# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subscription to the depth image that belongs to a camera, while ~/points has a subscriber."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rclpy.exceptions import InvalidHandle
from rtformer_ros.ros.input.stamp import stamp_ns
from rtformer_ros.ros.interface.qos import (
    input_profile,
    matched_policies,
    SubscriptionEventCallbacks,
)
from rtformer_ros.ros.interface.topics import DEPTH_TOPIC
from sensor_msgs.msg import Image

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.subscription import Subscription
    from rtformer_ros.ros.interface.settings import DepthSettings
    from std_msgs.msg import Header

_KEPT = 8
# A sensor that was silent for longer is not waited for.
_SILENT_S = 1.0


class DepthInput:
    """
    Subscription to one camera's registered depth; thread-safe.

    Of the newest depth images a frame gets the one whose stamp is nearest to its own.
    """

    def __init__(
        self, node: Node, callback_group: CallbackGroup, settings: DepthSettings, prefix: str = ''
    ) -> None:
        """Keep what is needed; nothing is subscribed before `follow(True)`."""
        self._node = node
        self._group = callback_group
        self._settings = settings
        self._topic = f'{prefix}/{DEPTH_TOPIC}' if prefix else DEPTH_TOPIC
        self._lock = threading.RLock()
        self._came = threading.Condition(self._lock)
        self._last_s = 0.0
        self._subscription: Subscription | None = None
        self._images: dict[int, Image] = {}

    def follow(self, is_wanted: bool) -> None:
        """
        Subscribe while it is wanted, as the publishers' QoS asks for.

        Call it about once a second, in the callback group.
        """
        with self._lock:
            if not is_wanted:
                self.stop()
                return
            profile = input_profile(self._settings.qos, self._node, self._topic)
            if self._subscription is not None:
                used = self._subscription.qos_profile
                if matched_policies(used) == matched_policies(profile):
                    return
                self._node.destroy_subscription(self._subscription)
            self._subscription = self._node.create_subscription(
                Image,
                self._topic,
                self._keep,
                profile,
                callback_group=self._group,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )

    def stop(self) -> None:
        """Unsubscribe and forget; harmless when nothing is subscribed."""
        with self._lock:
            if self._subscription is not None:
                self._node.destroy_subscription(self._subscription)
                self._subscription = None
            self._images.clear()

    def configure(self, settings: DepthSettings) -> None:
        """Take other settings; a subscription of another QoS is made anew at the next `follow`."""
        with self._lock:
            if settings.qos != self._settings.qos:
                self.stop()
            self._settings = settings

    def take_arrived(self) -> None:
        """
        Keep the depth images that have arrived and whose callbacks have not run yet.

        An executor that finds an image and its depth at once may run the image's callback first.
        Call it in the thread that runs the callbacks.
        """
        with self._lock:
            subscription = self._subscription
        if subscription is None:
            return
        try:
            with subscription.handle:
                for _ in range(_KEPT):
                    taken = subscription.handle.take_message(Image, subscription.raw)
                    if taken is None:
                        return
                    self._keep(taken[0])
        except InvalidHandle:
            # Another thread has just removed the subscription.
            return

    def find(self, header: Header, earlier: Image | None = None) -> Image | None:
        """
        Return the depth image nearest in stamp, None where none is near enough.

        earlier: one that was found before, which may have been forgotten since.
        """
        image_ns = stamp_ns(header)
        with self._lock:
            images = dict(self._images)
            limit_ns = self._settings.max_stamp_difference_s * 1e9
        if earlier is not None:
            images[stamp_ns(earlier.header)] = earlier
        nearest_ns = min(images, key=lambda each: abs(each - image_ns), default=None)
        if nearest_ns is None or abs(nearest_ns - image_ns) > limit_ns:
            return None
        return images[nearest_ns]

    def wait_for(self, header: Header, earlier: Image | None = None) -> Image | None:
        """
        Return what `find` does, once no nearer one can be on its way.

        A quick engine is done before the depth that belongs to the image has come. So this waits,
        at most max_stamp_difference_s, while depth flows and none as late as the frame is there.
        """
        image_ns = stamp_ns(header)
        with self._came:
            self._came.wait_for(
                lambda: not self._may_come(image_ns), self._settings.max_stamp_difference_s
            )
        return self.find(header, earlier)

    def _may_come(self, image_ns: int) -> bool:
        if self._subscription is None or not self._images:
            return False
        # The last that came, not the latest stamp: clocks jump back.
        return (
            next(reversed(self._images)) < image_ns and time.monotonic() - self._last_s < _SILENT_S
        )

    def _keep(self, message: Image) -> None:
        with self._came:
            depth_ns = stamp_ns(message.header)
            # So that one of an old stamp is the newest again.
            self._images.pop(depth_ns, None)
            self._images[depth_ns] = message
            self._last_s = time.monotonic()
            self._came.notify_all()
            while len(self._images) > _KEPT:
                del self._images[next(iter(self._images))]
