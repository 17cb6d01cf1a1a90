# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image folder: its pictures one after the other, by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.media.frames import SourceFrame

PICTURE_SUFFIXES = frozenset(
    {'.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm', '.pgm'}
)
"""Names of picture files end in one of these, in any case."""


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds a picture file."""
    return any(is_picture(path) for path in folder.iterdir())


def is_picture(path: Path) -> bool:
    """
    Return whether a file is a picture, by its name.

    Hidden files are none: macOS leaves ._NAME.jpg beside NAME.jpg.
    """
    is_hidden = path.name.startswith('.')
    return path.suffix.lower() in PICTURE_SUFFIXES and not is_hidden and path.is_file()


class ImageFolder:
    """The picture files of a folder in the order of their names."""

    is_live = False
    rate_hz = 10.0

    def __init__(self, folder: Path) -> None:
        """List the pictures of a folder, without its subfolders; raises ImageError for none."""
        self._paths = sorted(path for path in folder.iterdir() if is_picture(path))
        if not self._paths:
            raise ImageError(
                f'{folder} holds no picture; expected files that end in '
                f'{", ".join(sorted(PICTURE_SUFFIXES))} (or a ROS 2 bag)'
            )

    def __iter__(self) -> Iterator[SourceFrame]:
        """Return the pictures; raises ImageError for a file that is no picture."""
        for index, path in enumerate(self._paths):
            yield SourceFrame(read_image_file(path), index / self.rate_hz)
