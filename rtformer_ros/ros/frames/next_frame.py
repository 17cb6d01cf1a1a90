"""Let somebody have a frame on its way from the engine to the outputs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.result import FrameResult


@dataclass(frozen=True)
class TappedFrame:
    """A frame, the encoding of its message, and the milliseconds that each stage took."""

    result: FrameResult
    encoding: str
    stages_ms: Mapping[str, float]


class FrameTap:
    """A place where the next frame is handed over, once for each time it is opened; thread-safe."""

    def __init__(self) -> None:
        """Start closed."""
        self._changed = threading.Condition()
        self._is_open = False
        self._frame: TappedFrame | None = None

    @property
    def is_open(self) -> bool:
        """Return whether somebody waits for a frame."""
        return self._is_open

    def open(self) -> None:
        """Ask for a frame."""
        with self._changed:
            self._is_open, self._frame = True, None

    def give(self, frame: TappedFrame) -> None:
        """Hand a frame over, if it was asked for."""
        with self._changed:
            if self._is_open:
                self._is_open, self._frame = False, frame
                self._changed.notify_all()

    def wait(self, timeout_s: float) -> TappedFrame | None:
        """Return the frame and close; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None, max(0.0, timeout_s))
            frame, self._frame, self._is_open = self._frame, None, False
            return frame
