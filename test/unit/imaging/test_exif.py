# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""WebP files are turned as OpenCV turns JPEG files of the same EXIF orientation."""

import struct

import cv2
import numpy as np
import pytest
from rtformer_ros.imaging.codecs import read_image_file

HEIGHT, WIDTH = 96, 160


def scene() -> np.ndarray:
    """Return four quarters of different colours, BGR, which no turn or mirror keeps."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:48, :80], image[:48, 80:], image[48:, :80] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    return image


def tiff(orientation: int, order: str) -> bytes:
    """Return EXIF data with another entry before the orientation."""
    start = b'II*\0' if order == '<' else b'MM\0*'
    entries = [(0x0100, 4, 1, WIDTH, 0), (0x0112, 3, 1, orientation, 0)]
    body = struct.pack(f'{order}HHII', *entries[0][:4]) + struct.pack(f'{order}HHIHH', *entries[1])
    return start + struct.pack(f'{order}IH', 8, 2) + body + bytes(4)


def webp(exif: bytes) -> bytes:
    """Return the scene as an extended WebP file, without loss."""
    simple = cv2.imencode('.webp', scene(), [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack('<I', len(data)) + data + bytes(len(data) % 2)

    size = (WIDTH - 1).to_bytes(3, 'little') + (HEIGHT - 1).to_bytes(3, 'little')
    body = chunk(b'VP8X', b'\x08\0\0\0' + size) + simple[12:] + chunk(b'EXIF', exif)
    return b'RIFF' + struct.pack('<I', len(body) + 4) + b'WEBP' + body


def jpeg(exif: bytes) -> bytes:
    content = cv2.imencode('.jpg', scene(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    block = b'Exif\0\0' + exif
    return content[:2] + b'\xff\xe1' + struct.pack('>H', len(block) + 2) + block + content[2:]


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('orientation', range(10))
def test_webp_is_as_upright_as_jpeg(orientation, order, tmp_path):
    exif = tiff(orientation, order)
    (tmp_path / 'a.jpg').write_bytes(jpeg(exif))
    expected = read_image_file(tmp_path / 'a.jpg')
    for start in (b'', b'Exif\0\0'):
        (tmp_path / 'a.webp').write_bytes(webp(start + exif))
        upright = read_image_file(tmp_path / 'a.webp')
        assert upright.shape == expected.shape
        assert np.abs(upright.astype(int) - expected).mean() < 3
        assert upright.flags.c_contiguous


@pytest.mark.parametrize(
    'exif', [b'', b'II', b'II*\0\xff\xff\xff\xff', b'MM\0*\0\0\0\x08\xff\xff', bytes(40)]
)
def test_broken_exif_turns_nothing(exif, tmp_path):
    (tmp_path / 'a.webp').write_bytes(webp(exif))
    np.testing.assert_array_equal(read_image_file(tmp_path / 'a.webp'), scene()[..., ::-1])
