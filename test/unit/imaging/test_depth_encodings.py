# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.encodings import decode_depth

DEPTH = np.array([[0, 1, 258], [65535, 4, 5]], np.uint16)


def padded(values: np.ndarray, padding: int) -> np.ndarray:
    rows = values.view(np.uint8).reshape(len(values), -1)
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=9).ravel()


@pytest.mark.parametrize('padding', [0, 2, 3])
@pytest.mark.parametrize('encoding', ['16UC1', 'mono16'])
def test_millimetres_are_read_past_the_padding(encoding, padding):
    decoded = decode_depth(padded(DEPTH, padding), encoding, 2, 3, 6 + padding)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, DEPTH)


def test_metres_and_the_other_byte_order_are_read():
    metres = np.array([[0.5, np.nan], [np.inf, -2.0]], np.float32)
    decoded = decode_depth(padded(metres, 4), '32FC1', 2, 2, 12)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, metres)
    swapped = decode_depth(padded(DEPTH.byteswap(), 0), '16UC1', 2, 3, 6, is_bigendian=True)
    assert swapped.dtype == np.uint16
    np.testing.assert_array_equal(swapped, DEPTH)


@pytest.mark.parametrize(
    ('encoding', 'height', 'width', 'step', 'message'),
    [
        ('rgb8', 2, 3, 6, '16UC1, mono16, 32FC1'),
        ('16UC1', 3, 3, 6, '12 bytes in rows of 6'),
        ('16UC1', 2, 3, 5, 'rows of 6 bytes or more'),
        ('32FC1', 2, 3, 6, 'rows of 12 bytes or more'),
        ('16UC1', 0, 0, 0, '0x0 pixels'),
    ],
)
def test_a_malformed_depth_image_is_refused(encoding, height, width, step, message):
    with pytest.raises(ImageError, match=message):
        decode_depth(padded(DEPTH, 0), encoding, height, width, step)
