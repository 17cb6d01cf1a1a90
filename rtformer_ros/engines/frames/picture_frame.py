# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A picture as the frame of a camera, for those who try an engine out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.imaging.encodings import frame_planes
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import place

if TYPE_CHECKING:
    from rtformer_ros.segmentation import Pixels

_CODES = {
    'bgr8': cv2.COLOR_RGB2BGR,
    'rgba8': cv2.COLOR_RGB2RGBA,
    'bgra8': cv2.COLOR_RGB2BGRA,
    'mono8': cv2.COLOR_RGB2GRAY,
}
# Whether the bytes of two pixels begin with a luma, or the chroma plane with u.
_IS_LUMA_FIRST = {'yuyv': True, 'yuv422_yuy2': True, 'uyvy': False, 'yuv422': False}
_IS_U_FIRST = {'nv12': True, 'nv21': False}


def picture_frame(image_hwc: Pixels, encoding: str, network: tuple[int, int]) -> CameraFrame:
    """
    Return a frame that shows a picture, whose mask has its size.

    image_hwc: as of encoded_picture; network: height and width of the network's image, to which
    it is stretched.
    """
    height, width, _ = image_hwc.shape
    data, step = encoded_picture(image_hwc, encoding)
    planes = frame_planes(data, encoding, height, width, step)
    size = (height, width)
    sampling = frame_sampling(size, place(size, network, 'stretch'), size)
    return CameraFrame(encoding, planes, sampling)


def encoded_picture(image_hwc: Pixels, encoding: str) -> tuple[Pixels, int]:
    """
    Return the bytes of a picture as of sensor_msgs/Image, and the step of their rows.

    image_hwc: uint8 [H, W, 3], RGB; for YUV height and width are even; encoding: one of
    FRAME_ENCODINGS.
    """
    height, width, _ = image_hwc.shape
    if encoding == 'rgb8':
        return np.ascontiguousarray(image_hwc).ravel(), 3 * width
    if encoding in _CODES:
        packed = np.asarray(cv2.cvtColor(image_hwc, _CODES[encoding]), np.uint8)
        return packed.ravel(), packed.size // height
    planar = np.asarray(cv2.cvtColor(image_hwc, cv2.COLOR_RGB2YUV_I420), np.uint8).ravel()
    luma, u, v = np.split(planar, [height * width, height * width * 5 // 4])
    if encoding in _IS_U_FIRST:
        pair = (u, v) if _IS_U_FIRST[encoding] else (v, u)
        return np.concatenate([luma, np.stack(pair, axis=1).ravel()]), width
    # Two rows share their colours.
    pairs = np.stack([np.repeat(each.reshape(-1, width // 2), 2, axis=0) for each in (u, v)], 2)
    both = (luma.reshape(height, width), pairs.reshape(height, width))
    return np.stack(both if _IS_LUMA_FIRST[encoding] else both[::-1], 2).ravel(), 2 * width
