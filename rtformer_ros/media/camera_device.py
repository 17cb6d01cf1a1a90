"""Read frames from a camera of this computer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from rtformer_ros.errors import ImageError
from rtformer_ros.media.frames import Frame

_USUAL_RATE_HZ = 30.0


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

    def __iter__(self) -> Iterator[Frame]:
        """Return frames as they come, without end; raises ImageError when the camera stops."""
        capture = self._open()
        start_s = time.monotonic()
        try:
            while True:
                succeeded, image_bgr = capture.read()
                if not succeeded:
                    raise ImageError(f'{self._path}: the camera gives no more frames')
                image = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
                yield Frame(image, time.monotonic() - start_s)  # type: ignore[arg-type]
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
