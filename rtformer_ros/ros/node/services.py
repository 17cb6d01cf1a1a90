# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Services of the node: ~/set_enabled (std_srvs/SetBool) and ~/snapshot (std_srvs/Trigger)."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import TYPE_CHECKING

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rtformer_ros.errors import RtformerError
from rtformer_ros.files.packaged_files import expanded_path
from rtformer_ros.ros.node.snapshot import (
    default_snapshot_folder,
    FrameSnapshot,
    node_facts,
    write_snapshot,
)
from std_srvs.srv import SetBool, Trigger

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.next_frame import CapturedFrame
    from rtformer_ros.ros.interface.node_settings import NodeSettings
    from rtformer_ros.ros.node.camera import Camera
    from rtformer_ros.ros.node.cameras import Cameras
    from rtformer_ros.ros.node.managed_node import ManagedNode


class Services:
    """
    Service servers of the node.

    ~/snapshot waits for a frame: its callback group, `slow_group`, must not block the cameras'.
    """

    def __init__(
        self,
        node: ManagedNode,
        cameras: Cameras,
        state: Callable[[], str],
        settings: Callable[[], NodeSettings],
    ) -> None:
        """Offer the services; state, settings: return the node's lifecycle state and settings."""
        self._node = node
        self._cameras = cameras
        self._state = state
        self._settings = settings
        self.slow_group = MutuallyExclusiveCallbackGroup()
        node.create_service(
            SetBool,
            '~/set_enabled',
            self._set_enabled,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        node.create_service(
            Trigger, '~/snapshot', self._take_snapshot, callback_group=self.slow_group
        )

    def _set_enabled(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        self._cameras.is_paused = not request.data
        response.success = True
        response.message = (
            'frames are segmented' if request.data else 'paused: no further frame is segmented'
        )
        self._node.get_logger().info(f'~/set_enabled: {response.message}')
        return response

    def _take_snapshot(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        try:
            response.success, response.message = self._snapshot()
        except RtformerError as error:
            response.success, response.message = False, str(error)
        except Exception as error:  # noqa: BLE001  without an answer its caller waits for ever
            self._node.keep_error('~/snapshot', error)
            response.success, response.message = False, f'{type(error).__name__}: {error}'
        self._node.get_logger().info(f'~/snapshot: {response.message}')
        return response

    def _snapshot(self) -> tuple[bool, str]:
        """Return whether it went well, and the folder or the reason."""
        state, timeout_s = self._state(), self._settings().snapshot_timeout_s
        if state != 'active':
            return False, f'the node is {state}; it segments nothing until it is active'
        if self._cameras.is_paused:
            return False, 'the node is paused; call ~/set_enabled with true first'
        frames, missing = self._wait_for_frames(timeout_s)
        why = f'no frame within {timeout_s:g} s: {"; ".join(missing)}'
        if not frames:
            return False, why
        settings, any_result = self._settings(), frames[0][1].result
        wanted = settings.snapshot_folder
        folder = write_snapshot(
            expanded_path(wanted) if wanted else default_snapshot_folder(),
            self._node.get_name(),
            [FrameSnapshot.of(camera, frame) for camera, frame in frames],
            node_facts(self._node.get_fully_qualified_name(), any_result.config, settings),
        )
        return True, f'{folder}{f" ({why})" if missing else ""}'

    def _wait_for_frames(
        self, timeout_s: float
    ) -> tuple[list[tuple[Camera, CapturedFrame]], list[str]]:
        """Return the next frame of each camera, and what is wrong with those that have none."""
        cameras = list(self._cameras)
        for camera in cameras:
            camera.request_frame()
        deadline_s = time.monotonic() + timeout_s
        frames, missing = [], []
        for camera in cameras:
            frame = camera.wait_for_frame(deadline_s - time.monotonic())
            if frame is not None:
                frames.append((camera, frame))
                continue
            statistics = camera.statistics
            reason = (
                camera.status.warning(statistics, {}) or 'its frames are not segmented in time'
            )
            error = f' ({statistics.last_error})' if statistics.last_error else ''
            missing.append(f'{camera.name}{": " if camera.name else ""}{reason}{error}')
        return frames, missing
