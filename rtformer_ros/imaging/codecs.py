"""Image codecs: JPEG and PNG, to bytes and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rtformer_ros.errors import ImageError

_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG_START, _PNG_END = b'\x89PNG', b'IEND'


def encode_jpeg(image_hwc: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return an RGB image, uint8 [H, W, 3], as JPEG bytes, uint8 [N]; quality: 1 to 100."""
    image_bgr = cv2.cvtColor(image_hwc, cv2.COLOR_RGB2BGR)
    return _encode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return ids or grey values, uint8 [H, W], or an RGB image, uint8 [H, W, 3], as PNG bytes."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    # Class maps shrink well at any level, so take the quickest.
    return _encode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def decode_compressed(
    data: npt.NDArray[np.uint8], turn_upright: bool = False
) -> npt.NDArray[np.uint8]:
    """
    Return the RGB image, uint8 [H, W, 3], in the bytes of a JPEG, PNG or similar file.

    data: uint8 [N]. turn_upright: rotate as the EXIF orientation says. A camera's images must
    not be: its calibration is for the pixels as they come.
    Raises ImageError for data that is empty, cut short or no image.
    """
    if data.size == 0:
        raise ImageError('the compressed image has 0 bytes; expected a JPEG or PNG file')
    _check_complete(data)
    flags = cv2.IMREAD_COLOR if turn_upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image_bgr = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise _unreadable(data) from error
    if image_bgr is None:
        raise _unreadable(data)
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB, image_bgr)  # type: ignore[return-value]


def read_image_file(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture file as an upright RGB image, uint8 [H, W, 3]; raises ImageError."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f'cannot read the image file {path}: {error.strerror}') from error
    try:
        return decode_compressed(data, turn_upright=True)
    except ImageError as error:
        raise ImageError(f'{path}: {error}') from error


def _check_complete(data: npt.NDArray[np.uint8]) -> None:
    """Raise ImageError for a JPEG or PNG without its end: older OpenCV fills it with grey."""
    content = data.tobytes()
    # Thumbnails have an end of their own, which comes before the main image's last scan.
    cut_jpeg = content.startswith(_JPEG_START) and (
        content.rfind(_JPEG_END) <= content.rfind(_JPEG_SCAN)
    )
    cut_png = content.startswith(_PNG_START) and _PNG_END not in content[-64:]
    if cut_jpeg or cut_png:
        raise ImageError(
            f'the compressed image of {data.size} bytes is cut short: its end marker is missing'
        )


def _unreadable(data: npt.NDArray[np.uint8]) -> ImageError:
    return ImageError(
        f'the compressed image of {data.size} bytes cannot be decoded; expected a whole JPEG or '
        f'PNG file, got data that starts with {data[:8].tobytes()!r}'
    )


def _encode(suffix: str, pixels: cv2.typing.MatLike, options: list[int]) -> npt.NDArray[np.uint8]:
    try:
        succeeded, data = cv2.imencode(suffix, pixels, options)
    except cv2.error as error:
        raise ImageError(
            f'cannot encode {pixels.dtype} {list(pixels.shape)} as {suffix}: {error.err}'
        ) from error
    assert succeeded
    return data
