# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""EXIF orientation of WebP files, whose decoder does not know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import struct
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

_Image = npt.NDArray[np.uint8]

_CHUNKS_AT = 12  # behind RIFF, a size and WEBP
_EXIF_START = b'Exif\0\0'
_ORIENTATION, _SHORT = 0x0112, 3
_UPRIGHT = 1
# Orientation -> what makes an image, [H, W, 3], upright; the numbers are those of EXIF.
_TURNS: Mapping[int, Callable[[_Image], _Image]] = MappingProxyType(
    {
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.transpose(1, 0, 2),
        6: lambda image: np.rot90(image, -1),
        7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
        8: lambda image: np.rot90(image),
    }
)


def webp_orientation(content: bytes) -> int:
    """Return EXIF's orientation, 1 to 8, of a WebP file; 1, upright, where it has none."""
    position = _CHUNKS_AT
    while position + 8 <= len(content):
        kind, size = struct.unpack_from('<4sI', content, position)
        if kind == b'EXIF':
            tiff = content[position + 8 : position + 8 + size].removeprefix(_EXIF_START)
            try:
                return _orientation(tiff)
            except struct.error:  # cut short
                return _UPRIGHT
        position += 8 + size + size % 2
    return _UPRIGHT


def upright(image_hwc: _Image, orientation: int) -> _Image:
    """Return an image, uint8 [H, W, 3], that was stored in an orientation of EXIF, upright."""
    turn = _TURNS.get(orientation)
    return image_hwc if turn is None else np.ascontiguousarray(turn(image_hwc))


def _orientation(tiff: bytes) -> int:
    """Return the orientation in the first directory of a TIFF header."""
    order = {b'II': '<', b'MM': '>'}.get(tiff[:2])
    if order is None:
        return _UPRIGHT
    (directory,) = struct.unpack_from(f'{order}I', tiff, 4)
    (count,) = struct.unpack_from(f'{order}H', tiff, directory)
    for index in range(count):
        tag, kind, _, value = struct.unpack_from(f'{order}HHIH', tiff, directory + 2 + 12 * index)
        if (tag, kind) == (_ORIENTATION, _SHORT):
            return int(value)
    return _UPRIGHT
