# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Set of the node's cameras, which may change while frames flow."""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import TYPE_CHECKING

from rtformer_ros.ros.interface.topics import COSTMAP
from rtformer_ros.ros.node.camera import Camera
from rtformer_ros.ros.output.fused_costmap import FusedCostmap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rclpy.callback_groups import CallbackGroup
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.interface.settings import CameraSettings
    from rtformer_ros.ros.node.managed_node import ManagedNode
    from rtformer_ros.stream.latest_queue import LatestQueue


# Below the period of a usual camera, so that its next frame is received.
_WATCH_PERIOD_S = 0.03
_PAUSE_AFTER_ERROR_S = 5.0


class _Watch:
    """
    Thread that looks whether a resting camera is wanted by now, as long as one rests.

    A timer would do the same at four times the cost: the executor goes through all entities of
    the node whenever it fires.
    """

    def __init__(
        self, look: Callable[[], bool], keep_error: Callable[[str, Exception], None]
    ) -> None:
        """
        Start.

        look: wakes who is wanted, and returns whether any camera rests. keep_error: takes what it
        raises, after which it is called again.
        """
        self._look = look
        self._keep_error = keep_error
        self._begun, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name='watch', daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Look again from now on."""
        self._begun.set()

    def end(self) -> None:
        """End the thread."""
        self._ended.set()
        self._begun.set()
        self._thread.join()

    def _run(self) -> None:
        while self._begun.wait() and not self._ended.is_set():
            # Before the look, or what begins meanwhile would be forgotten.
            self._begun.clear()
            if self._is_more_to_see():
                self._begun.set()
                self._ended.wait(_WATCH_PERIOD_S)

    def _is_more_to_see(self) -> bool:
        try:
            return self._look()
        except Exception as error:  # noqa: BLE001  a watch that has ended would wake nobody
            self._keep_error('watch', error)
            # Not a log line each time that it comes again.
            self._ended.wait(_PAUSE_AFTER_ERROR_S)
            return True


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
        self._watch: _Watch | None = None
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
            self._watch = _Watch(self._wake, self._node.keep_error)
            self._watch.begin()

    def stop(self) -> None:
        """Unsubscribe."""
        with self._lock:
            self._queue = None
            if self._watch is not None:
                self._watch.end()
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

    def follow_graph(self) -> None:
        """Check whether publishers and subscribers still fit; call it about once a second."""
        with self._lock:
            for camera in self._cameras:
                camera.follow_graph()
            if self._watch is not None:
                self._watch.begin()

    def _offer_fused_costmap(self) -> None:
        """Offer one costmap of all cameras where that is asked for; unless one has no name."""
        output = self._settings.output
        is_offered = (
            output.fuses_costmaps
            and output.publish[COSTMAP]
            and all(camera.name for camera in self._cameras)
        )
        self._fused_costmap.configure(output.topics[COSTMAP] if is_offered else None)

    def _wake(self) -> bool:
        """Wake the cameras that are wanted by now; returns whether any rests on."""
        resting = [camera for camera in self._cameras if camera.is_resting]
        for camera in resting:
            camera.wake()
        return any(camera.is_resting for camera in resting)

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
