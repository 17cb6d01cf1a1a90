# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Playlist: several clips, played as if one camera had taken them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rtformer_ros.errors import ImageError
from rtformer_ros.files.packaged_files import share_directories
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.media.frames import FrameSource, SourceFrame
from rtformer_ros.media.photo import MovingPhoto, StillPhoto
from rtformer_ros.media.video_capture import VideoFile

_SIZE, _RATE_HZ = (480, 640), 10.0


class Playlist:
    """Clips one after the other, at one rate and one size."""

    is_live = False

    def __init__(
        self, sources: Sequence[FrameSource], height: int, width: int, rate_hz: float
    ) -> None:
        """Join clips; every frame of each is shown, stretched to height x width pixels."""
        self.rate_hz = rate_hz
        self._sources = tuple(sources)
        self._size = (height, width)

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the frames of all clips."""
        index = 0
        for source in self._sources:
            for frame in source:
                image = scale_image(frame.image_hwc, *self._size)
                yield replace(frame, image_hwc=image, time_s=index / self.rate_hz)
                index += 1


def bundled_playlist() -> Playlist:
    """
    Return what comes with the package: a look around a street (5 s), then people walking (10 s).

    Raises ImageError when the package was installed without its samples.
    """
    photo = read_image_file(_find_sample('leuven_a.jpg'))
    street = MovingPhoto(photo, *_SIZE, _RATE_HZ)
    return Playlist([street, VideoFile(_find_sample('walk.mp4'))], *_SIZE, _RATE_HZ)


def bundled_street() -> Playlist:
    """Return the whole photograph of a street, at rest for 5 s; raises ImageError as above."""
    photo = read_image_file(_find_sample('leuven_a.jpg'))
    return Playlist([StillPhoto(photo)], *_SIZE, StillPhoto.rate_hz)


def _find_sample(name: str) -> Path:
    tried = [share / 'samples' for share in share_directories()]
    for folder in tried:
        if (folder / name).is_file():
            return folder / name
    raise ImageError(
        f'the bundled clips are missing; looked for {name} in '
        f'{", ".join(map(str, tried)) or "no folder"}. Name a source of your own'
    )
