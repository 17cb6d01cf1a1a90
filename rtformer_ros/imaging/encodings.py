# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image encodings of sensor_msgs (image_encodings.hpp): bytes to an RGB image, or to depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError, quoted
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.imaging.image_header import check_pixels, MAX_IMAGE_PIXELS

Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Raster:
    """The data of a message and what its header says of it."""

    data: Bytes
    height: int
    width: int
    step: int
    is_bigendian: bool

    def samples(self, channels: int, sample_bytes: int) -> npt.NDArray[Any]:
        """Return a view [H, W, channels] that leaves the row padding out."""
        order = '>' if self.is_bigendian else '<'
        return np.ndarray(
            (self.height, self.width, channels),
            dtype=f'{order}u{sample_bytes}',
            buffer=self.data,
            strides=(self.step, channels * sample_bytes, sample_bytes),
        )

    def chroma(self, height: int, width: int, step: int) -> Bytes:
        """Return a view [height, width, 2] of the plane that follows the rows of the first one."""
        return np.ndarray(
            (height, width, 2),
            dtype=np.uint8,
            buffer=self.data,
            offset=self.height * self.step,
            strides=(step, 2, 1),
        )


@dataclass(frozen=True)
class _Encoding:
    """
    How an encoding lies in memory and how it becomes RGB.

    pixel_bytes: bytes of one pixel of a row; decode: makes 8 bits a channel of it; rgb_code: what
    makes RGB of these, None where they are RGB; data_rows_per_pair: rows of `step` bytes that two
    rows of the image take; multiple_of: (height, width) must be multiples of these;
    smallest: least height and width.
    """

    pixel_bytes: int
    decode: Callable[[_Raster], Bytes]
    rgb_code: int | None = None
    data_rows_per_pair: int = 2
    multiple_of: tuple[int, int] = (1, 1)
    smallest: int = 1


def _packed(channels: int, rgb_code: int | None, sample_bytes: int = 1) -> _Encoding:
    """Describe pixels that lie one after the other, 8 or 16 bits a channel."""

    def decode(raster: _Raster) -> Bytes:
        samples = raster.samples(channels, sample_bytes)
        return samples if sample_bytes == 1 else narrow(samples)

    return _Encoding(channels * sample_bytes, decode, rgb_code)


def _yuv422(color_code: int) -> _Encoding:
    """Describe pairs of pixels that share their colour in four bytes."""
    return _Encoding(2, lambda raster: _rgb(raster.samples(2, 1), color_code), multiple_of=(1, 2))


def _bayer(color_code: int, sample_bytes: int = 1) -> _Encoding:
    """Describe a colour filter mosaic; OpenCV leaves pictures under 3 x 3 black."""
    packed = _packed(1, None, sample_bytes)
    # Neighbours are mixed: not to be put off until after a resize.
    return _Encoding(
        packed.pixel_bytes, lambda raster: _rgb(packed.decode(raster), color_code), smallest=3
    )


def _yuv420(color_code: int) -> _Encoding:
    """Describe a luma plane, then colour pairs at half its height and width."""

    def decode(raster: _Raster) -> Bytes:
        luma = raster.samples(1, 1)[..., 0]
        chroma = raster.chroma(raster.height // 2, raster.width // 2, raster.step)
        return _checked(cv2.cvtColorTwoPlane(luma, chroma, color_code))

    return _Encoding(1, decode, data_rows_per_pair=3, multiple_of=(2, 2))


def _decode_nv24(raster: _Raster) -> Bytes:
    """Convert luma and full-size chroma: as UYVY of double width, whose maths OpenCV has."""
    luma = raster.samples(1, 1)[..., 0]
    u, v = cv2.split(raster.chroma(raster.height, raster.width, 2 * raster.step))
    uyvy = _checked(cv2.merge([u, luma, v, luma]))
    doubled = _rgb(uyvy.reshape(raster.height, -1, 2), cv2.COLOR_YUV2RGB_UYVY)
    return np.ascontiguousarray(doubled[:, ::2])


# OpenCV names a Bayer pattern after the second row's second and third pixel, ROS after the
# first four pixels: hence BG for rggb.
_BAYER_CODES = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}

_ENCODINGS: dict[str, _Encoding] = {
    'rgb8': _packed(3, None),
    'bgr8': _packed(3, cv2.COLOR_BGR2RGB),
    'rgba8': _packed(4, cv2.COLOR_RGBA2RGB),
    'bgra8': _packed(4, cv2.COLOR_BGRA2RGB),
    'mono8': _packed(1, cv2.COLOR_GRAY2RGB),
    'rgb16': _packed(3, None, sample_bytes=2),
    'bgr16': _packed(3, cv2.COLOR_BGR2RGB, sample_bytes=2),
    'rgba16': _packed(4, cv2.COLOR_RGBA2RGB, sample_bytes=2),
    'bgra16': _packed(4, cv2.COLOR_BGRA2RGB, sample_bytes=2),
    'mono16': _packed(1, cv2.COLOR_GRAY2RGB, sample_bytes=2),
    'yuv422': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    'nv12': _yuv420(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _yuv420(cv2.COLOR_YUV2RGB_NV21),
    'nv24': _Encoding(1, _decode_nv24, data_rows_per_pair=6),
    **{f'bayer_{pattern}8': _bayer(code) for pattern, code in _BAYER_CODES.items()},
    **{f'bayer_{pattern}16': _bayer(code, 2) for pattern, code in _BAYER_CODES.items()},
}

SUPPORTED_ENCODINGS: tuple[str, ...] = tuple(_ENCODINGS)
"""The encodings that `decode_image` takes."""

UntoldOrder: TypeAlias = Literal['bgr', 'rgb']
# OpenCV's names of types, which cv_bridge writes where it is told nothing else.
_TYPE_NAMES: dict[str, dict[UntoldOrder, str]] = {
    '8UC1': {'bgr': 'mono8', 'rgb': 'mono8'},
    '8UC3': {'bgr': 'bgr8', 'rgb': 'rgb8'},
    '8UC4': {'bgr': 'bgra8', 'rgb': 'rgba8'},
    '16UC1': {'bgr': 'mono16', 'rgb': 'mono16'},
}

# mono16 is what drivers older than REP 118 call millimetres.
_DEPTH_TYPES: dict[str, np.dtype[Any]] = {
    '16UC1': np.dtype('u2'),
    'mono16': np.dtype('u2'),
    '32FC1': np.dtype('f4'),
}


def decode_image(
    data: Bytes,
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> Bytes:
    """
    Return the image of a sensor_msgs/Image as RGB.

    data: uint8 [at least step * rows], contiguous; height, width: pixels; step: bytes from one
    row to the next, padding included; is_bigendian: byte order of 16-bit samples.
    Returns uint8 [H, W, 3]; for 'rgb8' a view of `data` (rows may be padded), else a new array.
    16-bit samples are scaled by 255 / 65535 and rounded; YUV is BT.601 video range, as OpenCV
    and cv_bridge take it.
    Raises ImageError when the encoding is not in SUPPORTED_ENCODINGS, the numbers do not fit, or
    there are more than max_pixels pixels.
    """
    pixels_hwc, rgb_code = decode_pixels(
        data, encoding, height, width, step, is_bigendian, max_pixels
    )
    return pixels_hwc if rgb_code is None else _rgb(pixels_hwc, rgb_code)


def decode_pixels(
    data: Bytes,
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> tuple[Bytes, int | None]:
    """
    Return the pixels of a sensor_msgs/Image, and the code of cv2.cvtColor that makes RGB of them.

    Pixels are uint8 [H, W, 1 to 4], for encodings of 8 bits a channel a view of `data`. The code
    only reorders, repeats or drops channels, so that it may come after a resize; None where they
    are RGB. Arguments and errors as for decode_image.
    """
    check_pixels(height, width, max_pixels)
    known = _known(encoding, SUPPORTED_ENCODINGS)
    _check_size(known, encoding, height, width)
    _check_bytes(known, f'{encoding} image of {width}x{height} pixels', data, height, width, step)
    return known.decode(_Raster(data, height, width, step, is_bigendian)), known.rgb_code


def frame_planes(
    data: Bytes,
    encoding: str,
    height: int,
    width: int,
    step: int,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> tuple[Bytes, ...]:
    """
    Return the planes of a sensor_msgs/Image of 8 bits as they are: views that leave out padding.

    encoding: one of FRAME_ENCODINGS. Packed pixels: [H, W, channels]; YUV 4:2:2: [H, W / 2, 4];
    NV12 and NV21: [H, W / 2, 2] and [H / 2, W / 2, 2]. Other arguments and errors as for
    decode_image.
    """
    check_pixels(height, width, max_pixels)
    known = _known(encoding, FRAME_ENCODINGS)
    _check_size(known, encoding, height, width)
    _check_bytes(known, f'{encoding} image of {width}x{height} pixels', data, height, width, step)
    raster = _Raster(data, height, width, step, is_bigendian=False)
    if known.multiple_of == (1, 1):
        return (raster.samples(known.pixel_bytes, 1),)
    pairs = _Raster(data, height, width // 2, step, is_bigendian=False)
    pixels: Bytes = pairs.samples(2 * known.pixel_bytes, 1)
    if known.multiple_of == (1, 2):
        return (pixels,)
    return pixels, raster.chroma(height // 2, width // 2, step)


def colour_encoding(encoding: str, order: UntoldOrder = 'bgr') -> str:
    """
    Return the encoding that an image is taken for whose own says how many channels it has alone.

    These are 8UC1, 8UC3, 8UC4 and 16UC1; any other is returned as it is.
    """
    taken = _TYPE_NAMES.get(encoding)
    return encoding if taken is None else taken[order]


def decode_depth(
    data: npt.NDArray[np.uint8],
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool = False,
    max_pixels: int = MAX_IMAGE_PIXELS,
) -> npt.NDArray[np.generic]:
    """
    Return a depth image as REP 118 has it: uint16 [H, W] in millimetres or float32 in metres.

    data: the bytes of sensor_msgs/Image; step: bytes a row, padding included. The result is a view
    where the byte order is this machine's and the padding leaves samples where OpenCV takes them.
    Raises ImageError for another encoding, too few bytes, or more than max_pixels pixels.
    """
    check_pixels(height, width, max_pixels)
    kind = _DEPTH_TYPES.get(encoding)
    if kind is None:
        raise ImageError(
            f'the depth image has the encoding {quoted(encoding)}; expected one of: '
            f'{", ".join(_DEPTH_TYPES)}'
        )
    if step < width * kind.itemsize or data.size < height * step or not height * width:
        raise ImageError(
            f'the depth image of {width}x{height} pixels ({encoding}) has {data.size} bytes in '
            f'rows of {step}; expected rows of {width * kind.itemsize} bytes or more'
        )
    rows = data[: height * step].reshape(height, step)[:, : width * kind.itemsize]
    depth_hw: npt.NDArray[np.generic] = rows.view(kind.newbyteorder('>' if is_bigendian else '<'))
    return depth_hw.astype(kind) if is_bigendian or step % kind.itemsize else depth_hw


def _known(encoding: str, expected: tuple[str, ...]) -> _Encoding:
    if encoding not in expected:
        raise ImageError(
            f'image encoding {quoted(encoding)} is not supported; expected one of: '
            f'{", ".join(expected)}'
        )
    return _ENCODINGS[encoding]


def _check_size(known: _Encoding, encoding: str, height: int, width: int) -> None:
    if min(height, width) < known.smallest:
        raise ImageError(
            f'{encoding} image of {width}x{height} pixels; expected at least '
            f'{known.smallest}x{known.smallest}'
        )
    rows, columns = known.multiple_of
    if height % rows or width % columns:
        raise ImageError(
            f'{encoding} image of {width}x{height} pixels; {encoding} needs a width that is a '
            f'multiple of {columns} and a height that is a multiple of {rows}'
        )


def _check_bytes(
    known: _Encoding, what: str, data: Bytes, height: int, width: int, step: int
) -> None:
    row_bytes = width * known.pixel_bytes
    if step < row_bytes:
        raise ImageError(f'{what} has a step of {step} bytes; one row takes {row_bytes}')
    needed = step * (height * known.data_rows_per_pair // 2)
    if data.size < needed:
        raise ImageError(
            f'{what} with a step of {step} bytes has {data.size} bytes of data; expected {needed}'
        )


def narrow(samples: npt.NDArray[Any]) -> Bytes:
    """Return 16-bit samples [H, W, C] scaled to 8 bits, rounded."""
    if not (samples.dtype.isnative and samples.flags.aligned):
        samples = samples.astype(np.uint16)
    narrow = _checked(cv2.convertScaleAbs(samples, alpha=255.0 / 65535.0))
    return narrow.reshape(samples.shape)


def _rgb(image: Bytes, color_code: int) -> Bytes:
    return _checked(cv2.cvtColor(image, color_code))


def _checked(image: Any) -> Bytes:
    """Tell the type checker what OpenCV's annotations leave open."""
    assert image.dtype == np.uint8
    return image  # type: ignore[no-any-return]
