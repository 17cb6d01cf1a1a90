# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Only JPEG and PNG of a bounded size reach a codec; where they end does not matter."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import decode_compressed, encode_jpeg, encode_png, read_image_file
from rtformer_ros.imaging.encodings import decode_depth, decode_image
from rtformer_ros.imaging.image_header import image_format, read_header

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)


def bytes_of(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)


def encoded(suffix: str, *options: int) -> bytes:
    done, data = cv2.imencode(suffix, IMAGE, list(options))
    assert done
    return data.tobytes()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', check)


def png_claiming(height: int, width: int) -> bytes:
    ihdr = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    data = chunk(b'IDAT', zlib.compress(bytes(1000)))
    return b'\x89PNG\r\n\x1a\n' + ihdr + data + chunk(b'IEND', b'')


def jpeg_claiming(height: int, width: int) -> bytes:
    jpeg = bytearray(encoded('.jpg'))
    frame = jpeg.index(b'\xff\xc0')
    jpeg[frame + 5 : frame + 9] = struct.pack('>HH', height, width)
    return bytes(jpeg)


WHOLE = {
    'jpeg': encoded('.jpg'),
    'progressive jpeg': encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    'jpeg with restarts': encoded('.jpg', cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    'png': encoded('.png'),
}


@pytest.mark.parametrize('name', WHOLE)
def test_header_says_size_and_end(name):
    header = read_header(bytes_of(WHOLE[name]))
    assert header.format.lower() in name
    assert (header.height, header.width) == (30, 41)
    assert header.size_bytes == len(WHOLE[name])
    assert not header.is_grey


def test_header_says_what_is_grey():
    for suffix in ('.jpg', '.png'):
        assert read_header(cv2.imencode(suffix, IMAGE[..., 0])[1]).is_grey
    both = cv2.imencode('.png', cv2.cvtColor(IMAGE, cv2.COLOR_BGR2BGRA))[1]
    assert not read_header(both).is_grey


@pytest.mark.parametrize(
    'trailer',
    [
        bytes(4096),
        b'\xff' * 64,
        b'\0\0\0\x18ftypmp42' + bytes(range(256)) * 30,
        encoded('.jpg', cv2.IMWRITE_JPEG_QUALITY, 5)[:-2],
        b'\xff\xda\xff\xd8' * 9,
        encoded('.jpg', cv2.IMWRITE_JPEG_QUALITY, 5),
        encoded('.png') * 2,
    ],
    ids=['zeros', 'ones', 'film', 'cut second picture', 'markers', 'second picture', 'two PNG'],
)
@pytest.mark.parametrize('name', WHOLE)
def test_what_follows_the_end_does_not_count(name, trailer):
    whole = bytes_of(WHOLE[name])
    followed = bytes_of(WHOLE[name] + trailer)
    np.testing.assert_array_equal(
        decode_compressed(followed).image_hwc, decode_compressed(whole).image_hwc
    )


def test_a_picture_within_a_picture_does_not_end_it():
    """As the preview in EXIF data, or the index of the pictures of an MPO file."""
    jpeg = encoded('.jpg')
    preview = encoded('.jpg', cv2.IMWRITE_JPEG_QUALITY, 5)
    segment = b'\xff\xe1' + struct.pack('>H', len(preview) + 8) + b'Exif\0\0' + preview
    mpo = b'\xff\xe2' + struct.pack('>H', 12) + b'MPF\0\xff\xd9\xff\xd9\xff\xd9'
    whole = jpeg[:2] + segment + mpo + jpeg[2:]
    header = read_header(bytes_of(whole + jpeg))
    assert (header.height, header.width, header.size_bytes) == (30, 41, len(whole))
    np.testing.assert_array_equal(
        decode_compressed(bytes_of(whole + jpeg)).image_hwc,
        decode_compressed(bytes_of(jpeg)).image_hwc,
    )


@pytest.mark.parametrize('name', WHOLE)
def test_every_cut_is_an_error(name):
    whole = WHOLE[name]
    # Of a PNG the last four bytes are a check sum of nothing.
    for length in [*range(0, len(whole) - 5, 7), len(whole) - 5]:
        with pytest.raises(ImageError, match=r'cut short|0 bytes'):
            decode_compressed(bytes_of(whole[:length]))


OTHER_FORMATS = {
    'hdr': b'#?RADIANCE\n\n-Y 9 +X 9\n' + bytes(99),
    'exr': b'\x76\x2f\x31\x01' + bytes(99),
    'jp2': b'\0\0\0\x0cjP  \r\n\x87\n' + bytes(99),
    'j2k': b'\xff\x4f\xff\x51' + bytes(99),
    'gif': b'GIF89a' + bytes(99),
    'avif': b'\0\0\0\x20ftypavif' + bytes(99),
}


@pytest.mark.parametrize('name', [*OTHER_FORMATS, '.bmp', '.webp', '.tiff', '.ppm', '.ras'])
def test_other_codecs_are_out_of_reach(name, monkeypatch):
    content = encoded(name) if name.startswith('.') else OTHER_FORMATS[name]
    decoded = []
    monkeypatch.setattr(cv2, 'imdecode', lambda *arguments: decoded.append(arguments))
    with pytest.raises(ImageError, match='expected a whole JPEG or PNG file'):
        decode_compressed(bytes_of(content))
    assert not decoded


@pytest.mark.parametrize('suffix', ['.bmp', '.webp', '.tiff', '.ppm', '.pgm', '.png', '.jpg'])
def test_picture_files_of_the_listed_formats_are_read(suffix, tmp_path):
    path = tmp_path / f'picture{suffix}'
    image = IMAGE[..., 0] if suffix == '.pgm' else IMAGE
    path.write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    assert read_image_file(path).shape == IMAGE.shape


@pytest.mark.parametrize('name', OTHER_FORMATS)
def test_picture_files_of_other_formats_are_refused(name, tmp_path):
    content = OTHER_FORMATS[name]
    with pytest.raises(ImageError, match='JPEG, PNG, BMP, WebP, TIFF, PNM'):
        image_format(bytes_of(content))
    path = tmp_path / 'picture.png'
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r'picture\.png: .*cannot be decoded'):
        read_image_file(path)


@pytest.mark.parametrize('claiming', [png_claiming, jpeg_claiming])
def test_the_size_is_refused_before_anything_is_decoded(claiming, monkeypatch):
    decoded = []
    monkeypatch.setattr(cv2, 'imdecode', lambda *arguments: decoded.append(arguments))
    with pytest.raises(ImageError, match='20000x20000 pixels; expected at most 64000000'):
        decode_compressed(bytes_of(claiming(20000, 20000)))
    with pytest.raises(ImageError, match='20x60 pixels; expected at most 1199'):
        decode_compressed(bytes_of(claiming(60, 20)), max_pixels=1199)
    assert not decoded


def test_a_large_image_that_is_allowed_is_decoded():
    data = bytes_of(WHOLE['png'])
    assert decode_compressed(data, max_pixels=30 * 41).image_hwc.shape == IMAGE.shape


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (jpeg_claiming(0, 40), '40x0 pixels'),
        (png_claiming(3, 0), '0x3 pixels'),
        (b'\xff\xd8\xff\xd9', 'wrong place'),
        (b'\xff\xd8' + encoded('.jpg'), 'wrong place'),
        (encoded('.jpg').replace(b'\xff\xd9', b'\xff\xda\0\x02' * 200 + b'\xff\xd9'), 'scans'),
        (encoded('.jpg')[:2] + b'\xff\xe0\0\x02' * 70_000, 'segments'),
        (encoded('.png')[:33] + chunk(b'tEXt', b'') * 70_000, 'chunks'),
        (encoded('.png')[:33] + chunk(b'acTL', bytes(8)), 'animated'),
        (encoded('.png')[:33] + encoded('.png')[8:], 'only IHDR'),
        (b'\x89PNG\r\n\x1a\n' + chunk(b'IEND', b''), 'only IHDR'),
    ],
)
def test_headers_that_cannot_be_are_refused(content, reason):
    with pytest.raises(ImageError, match=reason):
        read_header(bytes_of(content))


def test_mutated_pictures_are_images_or_errors_of_ours():
    rng = np.random.default_rng(1)
    for round_number in range(2000):
        data = bytearray(WHOLE[list(WHOLE)[round_number % len(WHOLE)]])
        for _ in range(int(rng.integers(1, 8))):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            image = decode_compressed(bytes_of(bytes(data)), max_pixels=1_000_000).image_hwc
        except ImageError:
            continue
        assert image.dtype == np.uint8
        assert image.size <= 3_000_000


def test_raw_images_and_depth_of_more_pixels_are_refused():
    data = np.zeros(64, np.uint8)
    with pytest.raises(ImageError, match='4x4 pixels; expected at most 15'):
        decode_image(data, 'mono8', 4, 4, 4, False, max_pixels=15)
    assert decode_image(data, 'mono8', 4, 4, 4, False, max_pixels=16).shape == (4, 4, 3)
    with pytest.raises(ImageError, match='4x4 pixels; expected at most 15'):
        decode_depth(data, '16UC1', 4, 4, 8, max_pixels=15)
    with pytest.raises(ImageError, match='expected at most 64000000'):
        decode_image(data, 'mono8', 2**31, 2**31, 2**31, False)


def test_jpeg_and_png_of_this_package_are_walked():
    assert read_header(encode_jpeg(IMAGE, 90)).format == 'JPEG'
    assert read_header(encode_png(IMAGE)).format == 'PNG'
