# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image messages: read and filled without a copy where that can be."""

from __future__ import annotations

from array import array
from functools import cache
import importlib.util
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ImageError, quoted, shown
from rtformer_ros.imaging.codecs import decode_compressed, DecodedImage
from rtformer_ros.imaging.encodings import (
    colour_encoding,
    decode_pixels,
    frame_planes,
    SUPPORTED_ENCODINGS,
    UntoldOrder,
)
from rtformer_ros.imaging.image_header import check_pixels, MAX_IMAGE_PIXELS
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    import numpy.typing as npt

_CHANNELS = {'mono8': 1, 'rgb8': 3, 'bgr8': 3}


def new_image(height: int, width: int, encoding: str) -> Image:
    """
    Return an image message with room for its pixels: all 0, no row padding, empty header.

    encoding: 'mono8', 'rgb8' or 'bgr8'. Fill it through image_array(); a message may be filled
    and published again and again.
    """
    step = width * _CHANNELS[encoding]
    message = Image(height=height, width=width, encoding=encoding, step=step)
    message.data = array('B', bytes(height * step))
    return message


def image_array(message: Image) -> npt.NDArray[np.uint8]:
    """
    Return the pixels of a message made by new_image(): a view that writes into the message.

    uint8 [H, W] for 'mono8', [H, W, 3] for 'rgb8' and 'bgr8'. Assigning `message.data` anew
    copies (since Jazzy) and ends the view's tie to the message.
    """
    channels = _CHANNELS[message.encoding]
    shape = (
        (message.height, message.width) if channels == 1 else (message.height, message.width, 3)
    )
    return _bytes_of(message).reshape(shape)


def decode_message(
    message: Image,
    max_pixels: int = MAX_IMAGE_PIXELS,
    order: UntoldOrder = 'bgr',
    topic: str = '',
) -> DecodedImage:
    """
    Return an image message; its pixels, for encodings of 8 bits a channel, are a view of it.

    order: of the channels of 8UC3 and 8UC4, which do not tell it; 8UC1 and 16UC1 are grey, unless
    the topic's name says that it is depth. An encoding that this package does not know goes to
    cv_bridge where that can be used.
    Raises ImageError for a malformed message, an unknown encoding, or an image of more than
    max_pixels pixels.
    """
    check_pixels(message.height, message.width, max_pixels)
    encoding = colour_encoding(message.encoding, order)
    if message.encoding == '16UC1' and _is_depth(topic):
        raise ImageError(
            f"the images of {topic} are 16UC1 and, by the topic's name, depth; expected pictures: "
            'remap image to the colour camera, and depth/image to this one'
        )
    if encoding not in SUPPORTED_ENCODINGS:
        bridge = _cv_bridge()
        if bridge is not None:
            return DecodedImage(_convert_with_cv_bridge(bridge, message))
    pixels_hwc, rgb_code = decode_pixels(
        _bytes_of(message),
        encoding,
        message.height,
        message.width,
        message.step,
        bool(message.is_bigendian),
        max_pixels,
    )
    if encoding == message.encoding:
        return DecodedImage(pixels_hwc, rgb_code=rgb_code)
    return DecodedImage(
        pixels_hwc,
        f'encoding {message.encoding} does not say what its channels are; they are taken as '
        f'{encoding} (parameter channel_order)',
        rgb_code,
    )


def message_planes(
    message: Image, max_pixels: int = MAX_IMAGE_PIXELS
) -> tuple[npt.NDArray[np.uint8], ...]:
    """Return the planes of an image message as frame_planes does: views; raises ImageError."""
    height, width = message.height, message.width
    data = _bytes_of(message)
    return frame_planes(data, message.encoding, height, width, message.step, max_pixels)


def _is_depth(topic: str) -> bool:
    """Tell by a topic's name, as in depth/image_raw or aligned_depth_to_color/image_raw."""
    return 'depth' in '/'.join(topic.lower().split('/')[-2:])


def decode_compressed_message(
    message: CompressedImage, max_pixels: int = MAX_IMAGE_PIXELS
) -> DecodedImage:
    """Return a JPEG or PNG message as RGB, as its `format` says; raises ImageError."""
    return decode_compressed(_bytes_of(message), max_pixels, message.format)


def _bytes_of(message: Image | CompressedImage) -> npt.NDArray[np.uint8]:
    # np.frombuffer refuses empty buffers.
    return np.frombuffer(message.data, np.uint8) if len(message.data) else np.empty(0, np.uint8)


@cache
def _cv_bridge() -> Any:
    """
    Return a CvBridge, or None where there is none that can be used.

    The cv_bridge of Humble and Jazzy crashes the process on import with NumPy 2 and fails with
    OpenCV 5, so look before.
    """
    import cv2

    if int(np.__version__.split('.')[0]) >= 2 or int(cv2.__version__.split('.')[0]) >= 5:
        return None
    if importlib.util.find_spec('cv_bridge') is None:
        return None
    try:
        from cv_bridge import CvBridge
    except ImportError:
        return None
    return CvBridge()


def _convert_with_cv_bridge(bridge: Any, message: Image) -> npt.NDArray[np.uint8]:
    import cv2

    # What cv_bridge raises for short data, unknown encodings and wrong sizes.
    foreign_errors = (TypeError, ValueError, KeyError, RuntimeError, cv2.error)
    try:
        image = bridge.imgmsg_to_cv2(message, 'rgb8')
    except foreign_errors as error:
        raise ImageError(
            f'cv_bridge cannot convert encoding {quoted(message.encoding)} to rgb8: '
            f'{shown(str(error))}; '
            f'expected one of: {", ".join(SUPPORTED_ENCODINGS)}'
        ) from error
    shape = (message.height, message.width, 3)
    if image is None or image.shape != shape or image.dtype != np.uint8:
        raise ImageError(
            f'cv_bridge made no image of {list(shape)} from encoding {quoted(message.encoding)}'
        )
    return image
