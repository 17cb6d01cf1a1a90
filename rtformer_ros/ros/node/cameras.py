# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Set of the node's cameras, which may change while frames flow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rtformer_ros.ros.interface.topics import COSTMAP
from rtformer_ros.ros.node.camera import Camera
from rtformer_ros.ros.node.subscriber_watch import new_subscriber_watch
from rtformer_ros.ros.output.fused_costmap import FusedCostmap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rclpy.callback_groups import CallbackGroup
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.interface.settings import CameraSettings
    from rtformer_ros.ros.node.managed_node import ManagedNode
    from rtformer_ros.ros.node.subscriber_watch import MatchedWatch, PollingWatch
    from rtformer_ros.stream.latest_queue import LatestQueue


class Cameras:
    """Set of the node's cameras, in the order of their names' list; thread-safe."""

    def __init__(
        self,
        node: ManagedNode,
        callback_group: CallbackGroup,
        names: Sequence[str],
        settings: CameraSettings,
    ) -> None:
        """Take the names of the cameras; images are received in the callback group."""
        self._node = node
        self._group = callback_group
        self._settings = settings
        self._lock = threading.RLock()
        self._is_offered = False
        self._is_paused = False
        self._queue: LatestQueue[Camera, ReceivedImage] | None = None
        self._watch: MatchedWatch | PollingWatch | None = None
        self._fused_costmap = FusedCostmap(node)
        # Never changed in place, so that others may iterate over it at any time.
        self._cameras = tuple(self._new(name) for name in names)

    def __iter__(self) -> Iterator[Camera]:
        """Iterate over the cameras as they are now."""
        return iter(self._cameras)

    @property
    def is_paused(self) -> bool:
        """Whether frames are left out; stays as it was set, whatever else happens."""
        return self._is_paused

    @is_paused.setter
    def is_paused(self, is_paused: bool) -> None:
        with self._lock:
            self._is_paused = is_paused
            for camera in self._cameras:
                camera.is_paused = is_paused

    @property
    def topics(self) -> str:
        """Return the names of all image topics."""
        return ', '.join(camera.topic for camera in self._cameras)

    def offer(self, config: FrameConfig | None) -> None:
        """Offer the outputs of all cameras."""
        with self._lock:
            self._is_offered = True
            for camera in self._cameras:
                camera.offer(config)
            self._offer_fused_costmap()

    def start(self, queue: LatestQueue[Camera, ReceivedImage]) -> None:
        """Subscribe to all cameras, or have them rest until they are wanted."""
        with self._lock:
            self._queue = queue
            for camera in self._cameras:
                camera.start(queue)
            self._watch = new_subscriber_watch(self._node, self._wake, self._node.keep_error)
            self._watch_resting()

    def stop(self) -> None:
        """Unsubscribe."""
        with self._lock:
            self._queue = None
            if self._watch is not None:
                self._watch.close()
                self._watch = None
            for camera in self._cameras:
                camera.stop()

    def forget(self) -> None:
        """Forget what was kept from frame to frame; call it when no more frames are made."""
        for camera in self._cameras:
            camera.forget()

    def close(self) -> None:
        """Unsubscribe and withdraw all outputs."""
        with self._lock:
            self.stop()
            self._is_offered = False
            for camera in self._cameras:
                camera.close()
            self._fused_costmap.configure(None)

    def configure(
        self, names: Sequence[str], settings: CameraSettings, config: FrameConfig | None
    ) -> None:
        """
        Have exactly these cameras with these settings; those that do not change are not disturbed.

        config: the current configuration of frames.
        """
        with self._lock:
            self._settings = settings
            if self._watch is not None:
                # What is watched would outlive its end.
                self._watch.follow(())
            kept = {camera.name: camera for camera in self._cameras if camera.name in names}
            for camera in kept.values():
                camera.configure(settings)
                if self._is_offered:
                    camera.offer(config)
            before = self._cameras
            self._cameras = tuple(kept.get(name) or self._opened(name, config) for name in names)
            for camera in before:
                if camera.name not in kept:
                    camera.close()
            if self._is_offered:
                self._offer_fused_costmap()
            self._watch_resting()

    def follow_graph(self) -> None:
        """Check whether publishers and subscribers still fit; call it about once a second."""
        with self._lock:
            for camera in self._cameras:
                camera.follow_graph()
            self._watch_resting()

    def _offer_fused_costmap(self) -> None:
        """Offer one costmap of all cameras where that is asked for; unless one has no name."""
        output = self._settings.output
        is_offered = (
            output.fuses_costmaps
            and output.publish[COSTMAP]
            and all(camera.name for camera in self._cameras)
        )
        self._fused_costmap.configure(output.topics[COSTMAP] if is_offered else None)

    def _wake(self) -> None:
        """Wake the cameras that are wanted by now."""
        with self._lock:
            for camera in self._cameras:
                if camera.is_resting:
                    camera.wake()
            self._watch_resting()

    def _watch_resting(self) -> None:
        """Watch for subscribers of the cameras that rest."""
        resting = [camera for camera in self._cameras if camera.is_resting]
        if self._watch is not None:
            publishers = [each for camera in resting for each in camera.publishers]
            self._watch.follow([*publishers, *self._fused_costmap.publishers] if resting else [])

    def _new(self, name: str) -> Camera:
        camera = Camera(self._node, self._group, name, self._settings, self._fused_costmap)
        camera.is_paused = self._is_paused
        return camera

    def _opened(self, name: str, config: FrameConfig | None) -> Camera:
        """Return a camera that is as far in life as the others."""
        camera = self._new(name)
        try:
            if self._is_offered:
                camera.offer(config)
            if self._queue is not None:
                camera.start(self._queue)
        except Exception:
            camera.close()
            raise
        return camera
