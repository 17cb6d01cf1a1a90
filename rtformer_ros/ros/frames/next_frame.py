# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Future of the next frame, for a service that waits for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.result import FrameResult


@dataclass(frozen=True)
class CapturedFrame:
    """Frame with the encoding of its message, and the milliseconds that each stage took."""

    result: FrameResult
    encoding: str
    stages_ms: Mapping[str, float]


class NextFrame:
    """Future of the next frame, set once for each request; thread-safe."""

    def __init__(self) -> None:
        """Start without a request."""
        self._changed = threading.Condition()
        self._is_requested = False
        self._frame: CapturedFrame | None = None

    @property
    def is_requested(self) -> bool:
        """Return whether somebody waits for a frame."""
        return self._is_requested

    def request(self) -> None:
        """Request the next frame."""
        with self._changed:
            self._is_requested, self._frame = True, None

    def set(self, frame: CapturedFrame) -> None:
        """Set the frame, if one was requested."""
        with self._changed:
            if self._is_requested:
                self._is_requested, self._frame = False, frame
                self._changed.notify_all()

    def wait(self, timeout_s: float) -> CapturedFrame | None:
        """Return the frame and end the request; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None, max(0.0, timeout_s))
            frame, self._frame, self._is_requested = self._frame, None, False
            return frame
