# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frame source: what every clip, camera and bag gives, one frame after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rtformer_ros.media.calibration import Calibration

Region = tuple[float, float, float, float]
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class SourceFrame:
    """
    One picture that a source gives.

    image_hwc: uint8 [H, W, 3] RGB; time_s: seconds since the clip's first frame.
    region: which part of the lens's whole picture the frame shows: left, top, width and height as
    shares of it. calibration: the camera's own, where the source has one.
    """

    image_hwc: npt.NDArray[np.uint8]
    time_s: float
    region: Region = WHOLE
    calibration: Calibration | None = None


class FrameSource(Protocol):
    """
    A clip or a camera: iterate over it for its frames, again for the same clip once more.

    Opening one raises ImageError or ConfigError when it cannot be read; so may iterating, for a
    frame that is broken.
    """

    @property
    def rate_hz(self) -> float:
        """Frames per second."""

    @property
    def is_live(self) -> bool:
        """Tell whether frames come at their own time (a camera), not as fast as they are read."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the frames from the start."""
