"""Read the frames of a video file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from rtformer_ros.errors import ImageError
from rtformer_ros.media.frames import Frame

_USUAL_RATE_HZ = 30.0
_HIGHEST_RATE_HZ = 1000.0


class VideoFile:
    """A video file that OpenCV can decode (mp4, avi, mkv, webm and others)."""

    is_live = False

    def __init__(self, path: Path) -> None:
        """Open the file to learn its frame rate; raises ImageError when it is no video."""
        self._path = path
        capture = self._open()
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        # Some files have no rate or a nonsensical one.
        self.rate_hz = rate_hz if 0 < rate_hz <= _HIGHEST_RATE_HZ else _USUAL_RATE_HZ

    def __iter__(self) -> Iterator[Frame]:
        """Return the frames from the start; raises ImageError when there is none."""
        capture = self._open()
        index = 0
        try:
            while True:
                succeeded, image_bgr = capture.read()
                if not succeeded:
                    break
                image = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
                yield Frame(image, index / self.rate_hz)  # type: ignore[arg-type]
                index += 1
        finally:
            capture.release()
        if index == 0:
            raise ImageError(f'{self._path}: not one frame of this video can be decoded')

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise ImageError(
                f'{self._path} cannot be read as a video; expected a file that OpenCV '
                f'{cv2.__version__} decodes, such as H.264 in mp4'
            )
        return capture
