# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""OpenCV video capture: frames of a video file, or of a camera of this computer."""

from __future__ import annotations

from collections.abc import Iterator
import math
from pathlib import Path
import time

import cv2
from rtformer_ros.errors import ImageError
from rtformer_ros.media.frames import SourceFrame

_USUAL_RATE_HZ = 30.0
_HIGHEST_RATE_HZ = 1000.0
# Between two frames; a file that claims more is broken, and would be waited for.
_LONGEST_GAP_S = 3600.0


class VideoFile:
    """
    A video file that OpenCV can decode (mp4, avi, mkv, webm and others).

    Frames have the times of the file, which phones and time lapses do not space evenly, and are
    turned as it says.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        """Open the file to learn its frame rate; raises ImageError when it is no video."""
        self._path = path
        capture = self._open()
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        # Some files have no rate or a nonsensical one.
        self.rate_hz = rate_hz if 0 < rate_hz <= _HIGHEST_RATE_HZ else _USUAL_RATE_HZ

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the frames from the start; raises ImageError when there is none."""
        capture = self._open()
        times = _FrameTimes(1 / self.rate_hz)
        try:
            while True:
                succeeded, image_bgr = capture.read()
                if not succeeded:
                    break
                image = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
                time_s = times.next(self._told_s(capture))
                yield SourceFrame(image, time_s)  # type: ignore[arg-type]
        finally:
            capture.release()
        if times.is_empty:
            raise ImageError(f'{self._path}: not one frame of this video can be decoded')

    def _told_s(self, capture: cv2.VideoCapture) -> float:
        """Return when the file says that its latest frame is to be shown."""
        told_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        # OpenCV counts from the file's begin; where it does not know that, in frames at its rate.
        return told_s if told_s >= 0 else capture.get(cv2.CAP_PROP_PTS) / self.rate_hz

    def _open(self) -> cv2.VideoCapture:
        # CAP_IMAGES would give a picture of any format to OpenCV's codecs.
        backends = [b for b in cv2.videoio_registry.getStreamBackends() if b != cv2.CAP_IMAGES]
        captures = (cv2.VideoCapture(str(self._path), backend) for backend in backends)
        capture = next((each for each in captures if each.isOpened()), cv2.VideoCapture())
        if not capture.isOpened():
            raise ImageError(
                f'{self._path} cannot be read as a video; expected a file that OpenCV '
                f'{cv2.__version__} decodes, such as H.264 in mp4'
            )
        # Only some builds of OpenCV do so by themselves.
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        return capture


class _FrameTimes:
    """Times of a file's frames since its first one, in seconds; they rise, whatever it says."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._told_s = self._time_s = math.nan

    @property
    def is_empty(self) -> bool:
        return math.isnan(self._time_s)

    def next(self, told_s: float) -> float:
        """Return the time of the next frame, at which the file says it is to be shown."""
        gap_s, self._told_s = told_s - self._told_s, told_s
        if self.is_empty:
            self._time_s = 0.0
        else:
            # Files without times, and broken ones, have a rate all the same.
            self._time_s += gap_s if 0 < gap_s <= _LONGEST_GAP_S else self._period_s
        return self._time_s


class CameraDevice:
    """A V4L2 device such as /dev/video0, held open only while its frames are read."""

    is_live = True

    def __init__(self, path: Path) -> None:
        """Open the device to learn its frame rate; raises ImageError when that fails."""
        self._path = path
        capture = self._open()
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        self.rate_hz = rate_hz if rate_hz > 0 else _USUAL_RATE_HZ

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return frames as they come, without end; raises ImageError when the camera stops."""
        capture = self._open()
        start_s = time.monotonic()
        try:
            while True:
                succeeded, image_bgr = capture.read()
                if not succeeded:
                    raise ImageError(f'{self._path}: the camera gives no more frames')
                image = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
                yield SourceFrame(image, time.monotonic() - start_s)  # type: ignore[arg-type]
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        device = str(self._path.resolve())
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise ImageError(
                f'the camera {self._path} cannot be opened; see that it is plugged in, that no '
                "other program uses it and that you may read it (group 'video')"
            )
        return capture
