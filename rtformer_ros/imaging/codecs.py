# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image codecs: JPEG and PNG, to bytes and back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError, quoted
from rtformer_ros.imaging.codec_noise import codec_noise
from rtformer_ros.imaging.compressed_format import CompressedFormat
from rtformer_ros.imaging.encodings import decode_image, narrow
from rtformer_ros.imaging.exif import upright, webp_orientation
from rtformer_ros.imaging.image_header import (
    check_pixels,
    image_format,
    MAX_IMAGE_PIXELS,
    PNG_START,
    read_header,
)

_AS_STORED = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def encode_jpeg(image_hwc: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return an RGB image, uint8 [H, W, 3], as JPEG bytes, uint8 [N]; quality: 1 to 100."""
    image_bgr = cv2.cvtColor(image_hwc, cv2.COLOR_RGB2BGR)
    return _encode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return ids or grey values, uint8 [H, W], or an RGB image, uint8 [H, W, 3], as PNG bytes."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    # Class maps shrink well at any level, so take the quickest.
    return _encode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


@dataclass(frozen=True)
class DecodedImage:
    """
    Image that came in some encoding or file.

    pixels_hwc: uint8 [H, W, 1 to 4]; doubt: what of its description does not fit it, '' for none;
    rgb_code: see encodings.decode_pixels, None where the pixels are RGB.
    """

    pixels_hwc: npt.NDArray[np.uint8]
    doubt: str = ''
    rgb_code: int | None = None

    @cached_property
    def image_hwc(self) -> npt.NDArray[np.uint8]:
        """RGB, uint8 [H, W, 3], made of the pixels when it is first asked for."""
        if self.rgb_code is None:
            return self.pixels_hwc
        return cv2.cvtColor(self.pixels_hwc, self.rgb_code)  # type: ignore[return-value]


def decode_compressed(
    data: npt.NDArray[np.uint8], max_pixels: int = MAX_IMAGE_PIXELS, described: str = ''
) -> DecodedImage:
    """
    Return the image in the bytes of a JPEG or PNG file, as it is stored.

    data: uint8 [N]. described: the field `format` of a CompressedImage; where it contradicts the
    bytes, they count. 16-bit samples are scaled by 255 / 65535. The EXIF orientation is ignored:
    a camera's calibration is for the pixels as they come. Raises ImageError for data that is
    empty, cut short, of another format, or of more than max_pixels pixels, which its header tells
    before anything is decoded.
    """
    header, form = read_header(data), CompressedFormat.of(described)
    check_pixels(header.height, header.width, max_pixels)
    content = data[: header.size_bytes]
    contradiction = form.contradiction(header)
    doubt = f'format {quoted(described)} says {contradiction}' if contradiction else ''
    if form.is_mosaic and header.is_grey:
        return DecodedImage(_demosaiced(content, form.encoding), doubt)
    image_bgr = _as_stored(content, _AS_STORED | cv2.IMREAD_COLOR)
    if image_bgr.dtype == np.uint16:
        image_bgr = narrow(image_bgr)
    return DecodedImage(image_bgr, doubt, None if form.is_swapped else cv2.COLOR_BGR2RGB)


def decode_grey_png(data: npt.NDArray[np.uint8], max_pixels: int) -> npt.NDArray[Any]:
    """
    Return the brightness of the pixels in the bytes of a PNG file, uint8 or uint16 [H, W].

    data: uint8 [N]. Raises ImageError, which holds nothing of the data, for data that is no whole
    PNG or has more than max_pixels pixels.
    """
    if data[: len(PNG_START)].tobytes() != PNG_START:
        raise ImageError(f'its {data.size} bytes are no PNG')
    header = read_header(data)
    if header.height * header.width > max_pixels:
        raise ImageError(
            f'it has {header.width}x{header.height} pixels; expected at most {max_pixels} in all'
        )
    return _as_stored(data[: header.size_bytes], _AS_STORED | cv2.IMREAD_GRAYSCALE)


def _demosaiced(content: npt.NDArray[np.uint8], encoding: str) -> npt.NDArray[np.uint8]:
    """Return the RGB image of a grey picture that holds a mosaic of 8 or 16 bits."""
    samples_hw = _as_stored(content, _AS_STORED | cv2.IMREAD_GRAYSCALE)
    height, width = samples_hw.shape
    pattern = encoding.rstrip('0123456789')
    return decode_image(
        samples_hw.view(np.uint8).reshape(-1),
        f'{pattern}{8 * samples_hw.itemsize}',
        height,
        width,
        width * samples_hw.itemsize,
        sys.byteorder == 'big',
        height * width,
    )


def read_image_file(path: Path) -> npt.NDArray[np.uint8]:
    """
    Return a picture file as an upright RGB image, uint8 [H, W, 3]; raises ImageError.

    Its first bytes decide what it is: JPEG, PNG, BMP, WebP, TIFF or PNM (PGM, PPM).
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f'cannot read the image file {path}: {error.strerror}') from error
    try:
        kind = image_format(data) if data.size else None
        if kind == 'WebP':
            # OpenCV does not turn it, and one that did would be told not to.
            image_hwc = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            return upright(image_hwc, webp_orientation(data.tobytes()))
        if kind in (None, 'JPEG', 'PNG'):
            header = read_header(data)
            check_pixels(header.height, header.width, MAX_IMAGE_PIXELS)
            data = data[: header.size_bytes]
        return _decode(data, cv2.IMREAD_COLOR)
    except ImageError as error:
        raise ImageError(f'{path}: {error}') from error


def _decode(data: npt.NDArray[np.uint8], flags: int) -> npt.NDArray[np.uint8]:
    image_bgr = _as_stored(data, flags)
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB, image_bgr)  # type: ignore[return-value]


def _as_stored(data: npt.NDArray[np.uint8], flags: int) -> npt.NDArray[Any]:
    image = None
    with contextlib.suppress(cv2.error), codec_noise.bounded():
        image = cv2.imdecode(data, flags)
    if image is None:
        raise ImageError(
            f'the compressed image of {data.size} bytes cannot be decoded; expected a whole file, '
            f'got data that starts with {data[:8].tobytes()!r}'
        )
    return image


def _encode(suffix: str, pixels: cv2.typing.MatLike, options: list[int]) -> npt.NDArray[np.uint8]:
    try:
        succeeded, data = cv2.imencode(suffix, pixels, options)
    except cv2.error as error:
        raise ImageError(
            f'cannot encode {pixels.dtype} {list(pixels.shape)} as {suffix}: {error.err}'
        ) from error
    assert succeeded
    return data
