# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image file headers: format, size and end of a JPEG or PNG, before a codec sees the data."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError

ImageFormat: TypeAlias = Literal['JPEG', 'PNG', 'BMP', 'WebP', 'TIFF', 'PNM']

MAX_IMAGE_PIXELS = 64_000_000
"""Most pixels of an image, where nothing else is asked for."""

PNG_START = b'\x89PNG\r\n\x1a\n'
"""First bytes of every PNG file."""

_JPEG_START = b'\xff\xd8'
# Codecs of OpenCV that are not listed (JPEG 2000, OpenEXR, HDR, GIF, AVIF, Sun raster) have no use
# here, and each is code that a broken file can crash.
_SIGNATURES: tuple[tuple[ImageFormat, re.Pattern[bytes]], ...] = (
    ('JPEG', re.compile(re.escape(_JPEG_START))),
    ('PNG', re.compile(re.escape(PNG_START))),
    ('BMP', re.compile(rb'BM')),
    ('WebP', re.compile(rb'RIFF....WEBP', re.DOTALL)),
    ('TIFF', re.compile(rb'II\*\0|MM\0\*')),
    ('PNM', re.compile(rb'P[2356]\s')),
)
_JPEG_MARKER = re.compile(rb'\xff([\x02-\xcf\xd8-\xfe])')
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# A decoder walks the whole image for each scan of a progressive JPEG; encoders make some ten.
_MAX_SCANS = 100
_MAX_PARTS = 65_536
_PNG_CHUNKS_AT = len(PNG_START)
# In the IHDR chunk, which is the first: grey, and grey with alpha.
_PNG_COLOR_TYPE_AT, _PNG_GREY = 25, (0, 4)


@dataclass(frozen=True)
class ImageHeader:
    """Format and size in pixels of an image file, whether it is grey, and its bytes."""

    format: ImageFormat
    height: int
    width: int
    is_grey: bool
    size_bytes: int


def image_format(data: npt.NDArray[np.uint8]) -> ImageFormat:
    """
    Return the format of a picture file by its first bytes.

    data: uint8 [N]. Raises ImageError for a format that is not one of ImageFormat's.
    """
    start = data[:16].tobytes()
    for name, signature in _SIGNATURES:
        if signature.match(start):
            return name
    raise _unreadable(data, f'a {", ".join(name for name, _ in _SIGNATURES)} file')


def read_header(data: npt.NDArray[np.uint8]) -> ImageHeader:
    """
    Return the header of a JPEG or PNG by walking its segments to the end marker.

    data: uint8 [N]; bytes that follow the end (a motion photo's film, padding) do not count.
    Raises ImageError for another format, or where it is cut short or broken.
    """
    if data.size == 0:
        raise ImageError('the compressed image has 0 bytes; expected a JPEG or PNG file')
    start = data[:_PNG_CHUNKS_AT].tobytes()
    content = np.ascontiguousarray(data).data
    if start.startswith(_JPEG_START):
        return _read_jpeg(content)
    if start == PNG_START:
        return _read_png(content)
    if PNG_START.startswith(start) or _JPEG_START.startswith(start):
        raise _cut_short(content)
    raise _unreadable(data, 'a whole JPEG or PNG file')


def check_pixels(height: int, width: int, max_pixels: int) -> None:
    """Raise ImageError for an image of more than `max_pixels` pixels."""
    if height * width > max_pixels:
        raise ImageError(
            f'the image is {width}x{height} pixels; expected at most {max_pixels} pixels '
            '(parameter max_image_pixels)'
        )


def _read_jpeg(content: memoryview) -> ImageHeader:
    position, scans = 2, 0
    size: tuple[int, int] | None = None
    is_grey = False
    for _ in range(_MAX_PARTS):
        found = _JPEG_MARKER.search(content, position)
        if found is None:
            raise _cut_short(content)
        marker, position = found[1][0], found.end()
        if marker == _END_OF_IMAGE and size is not None:
            return _header('JPEG', *size, is_grey, position)
        if marker in (_START_OF_IMAGE, _END_OF_IMAGE):
            raise _broken('JPEG', f'has the marker {marker:02x} in the wrong place')
        if marker in _START_OF_FRAME:
            if size is not None:
                raise _broken('JPEG', 'has two frame headers')
            height = int.from_bytes(content[position + 3 : position + 5], 'big')
            size = height, int.from_bytes(content[position + 5 : position + 7], 'big')
            is_grey = bytes(content[position + 7 : position + 8]) == b'\x01'
        scans += marker == _START_OF_SCAN
        if scans > _MAX_SCANS:
            raise _broken('JPEG', f'has more than {_MAX_SCANS} scans')
        position += max(2, int.from_bytes(content[position : position + 2], 'big'))
    raise _broken('JPEG', f'has more than {_MAX_PARTS} segments')


def _read_png(content: memoryview) -> ImageHeader:
    position = _PNG_CHUNKS_AT
    size: tuple[int, int] | None = None
    for _ in range(_MAX_PARTS):
        kind = bytes(content[position + 4 : position + 8])
        length = int.from_bytes(content[position : position + 4], 'big')
        if len(kind) < 4:
            raise _cut_short(content)
        if (kind == b'IHDR') != (size is None):
            raise _broken('PNG', 'does not begin with its only IHDR chunk')
        if size is None:
            width = int.from_bytes(content[position + 8 : position + 12], 'big')
            size = int.from_bytes(content[position + 12 : position + 16], 'big'), width
        if kind == b'acTL':
            raise _broken('PNG', 'is animated')
        # The last chunk's check sum may be missing: nothing comes of it.
        position += 12 + length
        if kind == b'IEND':
            is_grey = content[_PNG_COLOR_TYPE_AT] in _PNG_GREY
            return _header('PNG', *size, is_grey, min(position, len(content)))
    raise _broken('PNG', f'has more than {_MAX_PARTS} chunks')


def _header(
    name: ImageFormat, height: int, width: int, is_grey: bool, size_bytes: int
) -> ImageHeader:
    if not height * width:
        raise _broken(name, f'is {width}x{height} pixels')
    return ImageHeader(name, height, width, is_grey, size_bytes)


def _broken(name: str, what: str) -> ImageError:
    return ImageError(f'the compressed image {what}; expected a whole {name} file')


def _cut_short(content: memoryview) -> ImageError:
    return ImageError(
        f'the compressed image of {len(content)} bytes is cut short: its end marker is missing'
    )


def _unreadable(data: npt.NDArray[np.uint8], expected: str) -> ImageError:
    return ImageError(
        f'the image of {data.size} bytes cannot be decoded; expected {expected}, got data that '
        f'starts with {data[:8].tobytes()!r}'
    )
