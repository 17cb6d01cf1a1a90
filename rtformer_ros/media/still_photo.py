"""Make a camera at rest of a photograph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rtformer_ros.media.frames import Frame


class StillPhoto:
    """The same whole picture, over and over."""

    is_live = False

    def __init__(
        self, photo_hwc: npt.NDArray[np.uint8], rate_hz: float = 10.0, duration_s: float = 5.0
    ) -> None:
        """Show a photo, uint8 [H, W, 3] RGB."""
        self.rate_hz = rate_hz
        self._photo = photo_hwc
        self._count = max(1, round(duration_s * rate_hz))

    def __iter__(self) -> Iterator[Frame]:
        """Return the frames of one round."""
        for index in range(self._count):
            yield Frame(self._photo, index / self.rate_hz)
