# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Video writer: clips that play everywhere, H.264 in mp4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, ImageError, pip_install

_CONSTANT_RATE_FACTOR = '23'
_TICKS_HZ = 90_000


class VideoWriter:
    """
    Write RGB frames of one size to an mp4 file; use it in a `with` block.

    H.264 in the form that every player takes (yuv420p) has even sides: an odd one gets one more
    row or column, a copy of the last.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        """
        Create the file, for frames that come at about `rate_hz`.

        Raises ConfigError when PyAV is missing, the rate is not above 0 or the file cannot be
        written.
        """
        try:
            import av
        except ImportError as error:
            raise ConfigError(
                f'writing {path} needs the Python package av: {pip_install("av")}'
            ) from error
        if not rate_hz > 0:
            raise ConfigError(f'the rate of {path} is {rate_hz} Hz; expected more than 0')
        try:
            # PyAV itself would notice only when the first frame is written.
            path.open('wb').close()
            self._container: Any = av.open(str(path), 'w')
        except OSError as error:
            raise ConfigError(f'cannot write {path}: {error}') from error
        self._path = path
        self._rate = Fraction(rate_hz).limit_denominator(1000)
        self._period_ticks = _TICKS_HZ / rate_hz
        self._last_tick = round(-self._period_ticks)
        self._stream: Any = None
        self._size = (0, 0)

    def write(self, image_hwc: npt.NDArray[np.uint8], time_s: float | None = None) -> None:
        """
        Add a frame, uint8 [H, W, 3] RGB.

        time_s: when it is shown, seconds since the start, later than the frame before; None is
        one period after it. Raises ImageError for a frame of another size than the first.
        """
        import av

        if self._stream is None:
            self._start(image_hwc)
        if image_hwc.shape != (*self._size, 3) or image_hwc.dtype != np.uint8:
            raise ImageError(
                f'a frame is {image_hwc.dtype} {list(image_hwc.shape)}; this video takes uint8 '
                f'{[*self._size, 3]}'
            )
        frame = av.VideoFrame.from_ndarray(_even(image_hwc), format='rgb24')
        earliest = self._last_tick + 1
        asked = self._last_tick + self._period_ticks if time_s is None else time_s * _TICKS_HZ
        self._last_tick = max(earliest, round(asked))
        frame.pts, frame.time_base = self._last_tick, Fraction(1, _TICKS_HZ)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file, or remove it when it has no frame; further calls do nothing."""
        if self._container is None:
            return
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        self._container = None
        if self._stream is None:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        """Return this writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the file."""
        self.close()

    def _start(self, image_hwc: npt.NDArray[np.uint8]) -> None:
        self._size = (image_hwc.shape[0], image_hwc.shape[1])
        self._stream = self._container.add_stream('libx264', rate=self._rate)
        self._stream.codec_context.time_base = Fraction(1, _TICKS_HZ)
        self._stream.height, self._stream.width = _even(image_hwc).shape[:2]
        self._stream.pix_fmt = 'yuv420p'
        self._stream.options = {'crf': _CONSTANT_RATE_FACTOR, 'preset': 'veryfast'}


def _even(image_hwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image_hwc.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(image_hwc)
    padded = cv2.copyMakeBorder(image_hwc, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    assert padded.dtype == np.uint8
    return padded  # type: ignore[return-value]
