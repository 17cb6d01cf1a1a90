# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Messages that nobody should send: images, pictures, calibrations and depth, broken in many ways.

What the node may make of an image is computed here, from the bytes that are sent.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
import random
import struct

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

HEIGHT, WIDTH = 48, 64
FOCAL_PX = 50.0
DEPTH_M = 3.0
_ODD_NUMBERS = (0, 1, 2, 3, 7, 63, 65, 191, 193, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
_ODD_FLOATS = (0.0, -0.0, 1e-300, 1.0, -1.0, 64.0, 1e9, 1e300, float('inf'), float('nan'))
_ODD_TEXTS = (
    '',
    'rgb8',
    'rgb9',
    'RGB8',
    '8UC3',
    '\x1b[2J\x07',
    'x' * 100_000,
    'ünïcödé',
    '\n' * 99,
)
_ENCODINGS = ('', 'bgr8', 'rgba8', 'mono8', 'mono16', '8UC3', '8UC7', 'yuv422', 'nv12', '32FC1')
_MAGICS = (
    b'\0\0\0\x0cjP  \r\n\x87\n',
    b'GIF89a',
    b'II*\0',
    b'RIFF\0\0\1\0WEBP',
    b'BM',
    b'\x76\x2f\x31\x01',
)


@dataclass(frozen=True)
class FuzzedImage:
    """An image message, and the RGB image that may be seen in it; None where there is none."""

    message: Image | CompressedImage
    image_hwc: np.ndarray | None


def fuzzed_image(rng: random.Random, image_hwc: np.ndarray) -> FuzzedImage:
    """Return a raw image with one thing wrong, or only odd."""
    message = raw_image(image_hwc)
    data = image_hwc.tobytes()
    kind = rng.choice(('size', 'step', 'short', 'long', 'encoding', 'order', 'stamp', 'odd text'))
    seen: np.ndarray | None = image_hwc
    if kind == 'size':
        name = rng.choice(('height', 'width'))
        value = rng.choice(
            [n for n in _ODD_NUMBERS if n > (HEIGHT if name == 'height' else WIDTH)]
        )
        setattr(message, name, rng.choice((0, value)))
        seen = None
    elif kind == 'step':
        message.step = rng.choice([n for n in _ODD_NUMBERS if n != 3 * WIDTH])
        seen = None
    elif kind == 'short':
        message.data = array('B', data[: rng.randrange(len(data))])
        seen = None
    elif kind == 'long':
        message.data = array('B', data + bytes(rng.randrange(1, 5000)))
        seen = image_hwc
    elif kind == 'encoding':
        message.encoding = rng.choice((*_ENCODINGS, *_ODD_TEXTS))
        seen = image_hwc if message.encoding == 'rgb8' else None
        if message.encoding in ('bgr8', '8UC3'):
            seen = image_hwc[..., ::-1]
        elif message.encoding in ('mono8', '8UC1', 'rgba8', 'mono16', 'yuv422', 'nv12'):
            # Another picture, or none, according to the length; not looked at here.
            message.step, seen = 1, None
    elif kind == 'order':
        message.is_bigendian = rng.randrange(256)
    elif kind == 'stamp':
        _odd_stamp(rng, message)
    else:
        message.data = array('B', b'')
        message.encoding, seen = rng.choice(_ODD_TEXTS), None
    return FuzzedImage(message, seen)


def fuzzed_picture(rng: random.Random, image_hwc: np.ndarray) -> FuzzedImage:
    """Return a JPEG or PNG with one thing wrong, or something else altogether."""
    suffix = rng.choice(('.png', '.jpg'))
    data = bytearray(cv2.imencode(suffix, image_hwc[..., ::-1])[1].tobytes())
    kind = rng.choice(
        ('flip', 'flip', 'short', 'long', 'magic', 'noise', 'header', 'stamp', 'format')
    )
    message = CompressedImage(format=suffix[1:])
    if kind == 'flip':
        for _ in range(rng.choice((1, 2, 5, 40))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 'short':
        del data[rng.randrange(len(data)) :]
    elif kind == 'long':
        data += rng.randbytes(rng.randrange(1, 3000))
    elif kind == 'magic':
        data = bytearray(rng.choice(_MAGICS) + data[12:])
    elif kind == 'noise':
        data = bytearray(rng.randbytes(rng.randrange(3000)))
    elif kind == 'header':
        data = bytearray(cv2.imencode('.png', image_hwc)[1].tobytes())
        struct.pack_into('>II', data, 16, rng.choice(_ODD_NUMBERS), rng.choice(_ODD_NUMBERS))
    elif kind == 'stamp':
        _odd_stamp(rng, message)
    else:
        message.format = rng.choice(_ODD_TEXTS)
    message.data = array('B', bytes(data))
    seen = _decoded(bytes(data))
    if seen is not None and seen.shape[:2] != (HEIGHT, WIDTH):
        # A bit of a JPEG's size: another picture, whose mask is not computed here.
        return fuzzed_picture(rng, image_hwc)
    return FuzzedImage(message, seen)


def fuzzed_calibration(rng: random.Random) -> CameraInfo:
    """Return a calibration with one to three odd values."""
    message = calibration()
    for _ in range(rng.randrange(1, 4)):
        kind = rng.choice(('height', 'width', 'k', 'r', 'p', 'd', 'model', 'binning', 'stamp'))
        if kind in ('height', 'width'):
            setattr(message, kind, rng.choice(_ODD_NUMBERS))
        elif kind in ('k', 'r', 'p'):
            values = list(getattr(message, kind))
            values[rng.randrange(len(values))] = rng.choice(_ODD_FLOATS)
            setattr(message, kind, values)
        elif kind == 'd':
            message.d = [rng.choice(_ODD_FLOATS) for _ in range(rng.choice((0, 1, 4, 5, 8, 300)))]
        elif kind == 'model':
            message.distortion_model = rng.choice(('plumb_bob', 'equidistant', *_ODD_TEXTS))
        elif kind == 'binning':
            message.binning_x, message.binning_y = rng.choice(_ODD_NUMBERS), rng.randrange(9)
        else:
            _odd_stamp(rng, message)
    return message


def fuzzed_depth(rng: random.Random) -> Image:
    """Return a depth image with one thing wrong, or odd depths."""
    message = depth_image()
    kind = rng.choice(('values', 'size', 'step', 'data', 'encoding', 'stamp'))
    if kind == 'values':
        values = np.full((HEIGHT, WIDTH), DEPTH_M, np.float32)
        values[rng.randrange(HEIGHT), rng.randrange(WIDTH) :] = rng.choice(
            (-5.0, *_ODD_FLOATS[4:7])
        )
        values[rng.randrange(HEIGHT)] = rng.choice((float('nan'), float('inf'), -float('inf')))
        message.data = array('B', values.tobytes())
    elif kind == 'size':
        setattr(message, rng.choice(('height', 'width')), rng.choice(_ODD_NUMBERS))
    elif kind == 'step':
        message.step = rng.choice(_ODD_NUMBERS)
    elif kind == 'data':
        message.data = array('B', rng.randbytes(rng.randrange(2 * HEIGHT * WIDTH)))
    elif kind == 'encoding':
        message.encoding = rng.choice((*_ENCODINGS, *_ODD_TEXTS, '16UC1'))
    else:
        _odd_stamp(rng, message)
    return message


def raw_image(image_hwc: np.ndarray) -> Image:
    message = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
    message.data = array('B', image_hwc.tobytes())
    return message


def picture(image_hwc: np.ndarray) -> CompressedImage:
    """Return a lossless picture."""
    data = cv2.imencode('.png', image_hwc[..., ::-1])[1].tobytes()
    return CompressedImage(format='png', data=array('B', data))


def calibration() -> CameraInfo:
    k = [FOCAL_PX, 0.0, WIDTH / 2, 0.0, FOCAL_PX, HEIGHT / 2, 0.0, 0.0, 1.0]
    p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    return CameraInfo(
        height=HEIGHT, width=WIDTH, distortion_model='plumb_bob', d=[0.0] * 5, k=k, p=p,
        r=np.eye(3).ravel(),
    )  # fmt: skip


def depth_image() -> Image:
    message = Image(height=HEIGHT, width=WIDTH, encoding='32FC1', step=4 * WIDTH)
    message.data = array('B', np.full((HEIGHT, WIDTH), DEPTH_M, np.float32).tobytes())
    return message


def _odd_stamp(rng: random.Random, message: Image | CompressedImage | CameraInfo) -> None:
    message.header.stamp.sec = rng.choice((-(2**31), -1, 0, 1, 2**31 - 1))
    message.header.stamp.nanosec = rng.choice((0, 999_999_999, 10**9, 2**32 - 1))


def _decoded(data: bytes) -> np.ndarray | None:
    """Return what OpenCV sees in a JPEG or PNG, uint8 RGB; other formats are not for the node."""
    if not data.startswith((b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff')):
        return None
    if data.startswith(b'\x89PNG') and data[16:24] != struct.pack('>II', WIDTH, HEIGHT):
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else image[..., ::-1]
