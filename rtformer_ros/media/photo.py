# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Photographs as clips: panned and zoomed over, or at rest."""

from __future__ import annotations

from collections.abc import Iterator
import math

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.media.frames import Region, SourceFrame

_ZOOM_MEAN = 0.75
_ZOOM_SWING = 0.2
_STILL_FRAMES = 50


class MovingPhoto:
    """
    A view that pans and zooms over a photograph and ends where it began.

    The view keeps the aspect ratio of its frames and covers 55 to 95 % of the largest that fits.
    """

    is_live = False

    def __init__(
        self,
        photo_hwc: npt.NDArray[np.uint8],
        height: int,
        width: int,
        rate_hz: float = 10.0,
        duration_s: float = 5.0,
    ) -> None:
        """Show a photo, uint8 [H, W, 3] RGB, in frames of height x width pixels."""
        self.rate_hz = rate_hz
        self._photo = photo_hwc
        self._size = (height, width)
        self._count = max(1, round(duration_s * rate_hz))

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the frames of one round."""
        for index in range(self._count):
            view, region = self._view(2 * math.pi * index / self._count)
            yield SourceFrame(view, index / self.rate_hz, region)

    def _view(self, phase_rad: float) -> tuple[npt.NDArray[np.uint8], Region]:
        photo_height, photo_width = self._photo.shape[:2]
        height, width = self._size
        zoom = _ZOOM_MEAN + _ZOOM_SWING * math.cos(phase_rad)
        # Pixels of the photo for one pixel of the frame.
        scale = zoom * min(photo_height / height, photo_width / width)
        slack_x, slack_y = photo_width - scale * width, photo_height - scale * height
        left = slack_x / 2 * (1 + math.sin(phase_rad))
        top = slack_y / 2 * (1 + math.sin(2 * phase_rad))
        # Centres of pixels are at +0.5: scale about them so that the view stays inside.
        shift = (scale - 1) / 2
        matrix = np.array([[scale, 0, left + shift], [0, scale, top + shift]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv2.warpAffine(
            self._photo, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        assert view.dtype == np.uint8
        region = (
            *(left / photo_width, top / photo_height),
            *(scale * width / photo_width, scale * height / photo_height),
        )
        return view, region  # type: ignore[return-value]


class StillPhoto:
    """The same whole picture, over and over, for 5 s."""

    is_live = False
    rate_hz = 10.0

    def __init__(self, photo_hwc: npt.NDArray[np.uint8]) -> None:
        """Show a photo, uint8 [H, W, 3] RGB."""
        self._photo = photo_hwc

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the frames of one round."""
        for index in range(_STILL_FRAMES):
            yield SourceFrame(self._photo, index / self.rate_hz)
