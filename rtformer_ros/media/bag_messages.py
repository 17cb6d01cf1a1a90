"""Read the pixels of image messages as they lie in bags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtformer_ros.imaging.codecs import decode_compressed
from rtformer_ros.imaging.encodings import decode_image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


def image_of(message: Any, message_type: str) -> npt.NDArray[np.uint8]:
    """
    Return an image message's pixels, RGB, uint8 [H, W, 3].

    message: sensor_msgs/Image or CompressedImage as rosbags reads it, which `message_type` tells.
    Raises ImageError for data that do not fit their description.
    """
    if message_type == COMPRESSED_IMAGE:
        return decode_compressed(message.data)
    return decode_image(
        message.data,
        message.encoding,
        message.height,
        message.width,
        message.step,
        bool(message.is_bigendian),
    )
