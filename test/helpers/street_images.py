# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real images at a model's size: the samples that come with the package, and CamVid if there."""

from pathlib import Path

import cv2
import numpy as np
from rtformer_ros.errors import ImageError

ROOT = Path(__file__).parents[2]
CAMVID = ROOT.parent / 'shared' / 'camvid'


def samples(size):
    """Two photographs and three frames of a walk, uint8 [h, w, 3] each."""
    images = [cv2.imread(str(ROOT / 'samples' / f'leuven_{x}.jpg')) for x in 'ab']
    video = cv2.VideoCapture(str(ROOT / 'samples' / 'walk.mp4'))
    frames = []
    while (grabbed := video.read())[0]:
        frames.append(grabbed[1])
    images += frames[:: len(frames) // 3][:3]
    assert len(images) == 5
    return [_at_size(image, size) for image in images]


def calibration(size):
    """Two of the samples to calibrate with, and three to judge by."""
    first, second, *frames = samples(size)
    return [first, frames[0]], [second, *frames[1:]]


def unreadable():
    """Images of which the first cannot be read."""
    raise ImageError('cannot read lost.jpg')
    yield


def photo(size):
    """One photograph, uint8 [h, w, 3]."""
    return _at_size(cv2.imread(str(ROOT / 'samples' / 'leuven_a.jpg')), size)


def camvid(part, size, count):
    """`count` images of CamVid with their labels, evenly spread; nothing without CamVid."""
    folder = CAMVID / part
    paths = sorted((folder / 'images').iterdir()) if folder.is_dir() else []
    return [
        (
            _at_size(cv2.imread(str(path)), size),
            cv2.imread(str(folder / 'labels' / f'{path.stem}.png'), cv2.IMREAD_UNCHANGED),
        )
        for path in paths[:: max(1, len(paths) // count)][:count]
    ]


def _at_size(image_bgr, size):
    return np.ascontiguousarray(cv2.resize(image_bgr, size[::-1])[..., ::-1])
