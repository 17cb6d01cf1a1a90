# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.media.ignore_mask import read_ignore_mask


def png(samples: np.ndarray) -> bytes:
    return cv2.imencode('.png', samples)[1].tobytes()


def header_alone(height: int, width: int) -> bytes:
    """A PNG that is whole but for its pixels."""
    size = struct.pack('>II5B', width, height, 8, 0, 0, 0, 0)
    chunks = ((b'IHDR', size), (b'IDAT', zlib.compress(b'')), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize('kind', ['grey', 'deep', 'colour', 'transparent', 'indexed'])
def test_whatever_is_not_zero_is_ignored(tmp_path, kind):
    grey = np.array([[0, 1, 0], [255, 0, 128]], np.uint8)
    samples = {
        'grey': grey,
        # As 8 bits, the least of these would be 0.
        'deep': grey.astype(np.uint16),
        'colour': np.dstack([grey] * 3),
        'transparent': np.dstack([grey] * 3 + [np.full((2, 3), 255, np.uint8)]),
        'indexed': (grey > 0).astype(np.uint8) * 255,
    }[kind]
    data = png(samples)
    if kind == 'indexed':
        data = cv2.imencode('.png', samples, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
    path = tmp_path / 'mask.png'
    path.write_bytes(data)
    unseen_hw = read_ignore_mask(path).unseen_hw
    np.testing.assert_array_equal(unseen_hw, np.where(grey, 255, 0))
    assert unseen_hw.dtype == np.uint8


GOOD = png(np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8))


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', '0 bytes are no PNG'),
        (b'hunter2', '7 bytes are no PNG'),
        (cv2.imencode('.jpg', np.zeros((8, 8), np.uint8))[1].tobytes(), 'are no PNG'),
        (GOOD[:200], 'cut short'),
        (header_alone(5000, 5000), '5000x5000 pixels; expected at most 16777216'),
        (header_alone(10, 10), 'cannot be decoded'),
        (bytes((1 << 24) + 1), 'more than 16777216 bytes'),
    ],
    ids=['empty', 'text', 'jpeg', 'cut', 'large', 'no pixels', 'too long'],
)
def test_what_is_no_mask_is_refused_without_its_content(tmp_path, content, reason):
    path = tmp_path / 'mask.png'
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason) as refused:
        read_ignore_mask(path)
    assert 'mask.png' in str(refused.value)
    assert 'hunter2' not in str(refused.value)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for name, reason in (
        ('nothing.png', 'No such file'),
        ('', 'a directory'),
        ('pipe', 'a pipe'),
        ('/dev/zero', 'a device'),
    ):
        with pytest.raises(ConfigError, match=reason):
            read_ignore_mask(tmp_path / name)
