# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures and videos with random faults are read or refused: no library's exception comes out."""

import random

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import RtformerError
from rtformer_ros.media.open_source import open_source

PICTURES = ('.jpg', '.png', '.bmp', '.webp', '.tiff', '.ppm', '.pgm')
VIDEOS = ('.mp4', '.avi', '.mkv')


def broken(whole: bytes, rng: random.Random) -> bytes:
    """Return a copy with a few other bytes, most in its headers; one in five is cut off."""
    content = bytearray(whole)
    for _ in range(rng.choice((1, 3, 10, 100))):
        end = min(len(content), rng.choice((64, 512, len(content))))
        content[rng.randrange(end)] = rng.choice((rng.randrange(256), 255, 0, 127))
    return bytes(content[: rng.randrange(len(content))] if rng.random() < 0.2 else content)


def outcomes(path, whole: bytes, count: int) -> set[str]:
    rng = random.Random(path.suffix)
    seen = set()
    for _ in range(count):
        path.write_bytes(broken(whole, rng))
        try:
            frames = [frame for _, frame in zip(range(30), open_source(str(path)), strict=False)]
        except RtformerError:
            seen.add('refused')
        else:
            assert all(f.image_hwc.dtype == np.uint8 and f.image_hwc.ndim == 3 for f in frames)
            times_s = [frame.time_s for frame in frames]
            assert times_s == sorted(set(times_s))
            seen.add('read')
    return seen


@pytest.mark.parametrize('suffix', PICTURES)
def test_pictures(suffix, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    pixels = image[..., 0] if suffix == '.pgm' else image
    whole = cv2.imencode(suffix, pixels)[1].tobytes()
    assert outcomes(tmp_path / f'picture{suffix}', whole, 150) == {'read', 'refused'}


@pytest.mark.parametrize('suffix', VIDEOS)
def test_videos(suffix, tmp_path):
    import av

    path = tmp_path / f'clip{suffix}'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, 'yuv420p'
        for level in range(8):
            image = np.full((48, 64, 3), level * 30, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))
    assert outcomes(path, path.read_bytes(), 100) == {'read', 'refused'}
