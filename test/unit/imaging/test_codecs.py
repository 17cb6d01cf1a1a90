# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compressed images against PyAV's decoders (FFmpeg), which share no code with OpenCV's."""

import io
import struct

import av
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import (
    decode_compressed,
    encode_jpeg,
    encode_png,
    read_image_file,
)


def smooth_image(height=48, width=64):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 4, y * 5, (x + y) * 2], -1).clip(0, 255).astype(np.uint8)


def ffmpeg_decode(data, form):
    with av.open(io.BytesIO(data.tobytes())) as container:
        return next(container.decode(video=0)).to_ndarray(format=form)


def with_orientation(jpeg, orientation):
    """Return the JPEG with an EXIF block whose only entry is the orientation."""
    tiff = b'MM\0*' + struct.pack('>IHHHIHHI', 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b'Exif\0\0' + tiff
    block = b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif
    content = jpeg.tobytes()
    return np.frombuffer(content[:2] + block + content[2:], np.uint8)


def test_jpeg_keeps_colours_for_another_decoder():
    image = smooth_image()
    data = encode_jpeg(image, 95)
    assert data.ndim == 1
    assert np.abs(ffmpeg_decode(data, 'rgb24').astype(int) - image).mean() < 3
    assert np.abs(decode_compressed(data).image_hwc.astype(int) - image).mean() < 3


def test_jpeg_quality_changes_the_size():
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert encode_jpeg(image, 20).size < encode_jpeg(image, 90).size / 2


def test_png_of_ids_is_exact_for_another_decoder():
    ids = np.random.default_rng(1).integers(0, 256, (31, 17), dtype=np.uint8)
    data = encode_png(ids)
    np.testing.assert_array_equal(ffmpeg_decode(data, 'gray'), ids)
    np.testing.assert_array_equal(decode_compressed(data).image_hwc, np.stack([ids] * 3, -1))


def test_png_of_an_rgb_image_is_exact():
    image = smooth_image()
    data = encode_png(image)
    np.testing.assert_array_equal(ffmpeg_decode(data, 'rgb24'), image)
    np.testing.assert_array_equal(decode_compressed(data).image_hwc, image)


def test_orientation_is_left_alone_unless_asked_for(tmp_path):
    image = smooth_image()
    data = with_orientation(encode_jpeg(image, 95), 6)
    assert decode_compressed(data).image_hwc.shape == (48, 64, 3)
    file = tmp_path / 'turned.jpg'
    file.write_bytes(data.tobytes())
    upright = read_image_file(file)
    # 6: the top of the scene is on the right of the stored image: turn clockwise.
    assert np.abs(upright.astype(int) - np.rot90(image, -1)).mean() < 3


@pytest.mark.parametrize('keep', [0, 1, 20, 0.5, -4])
@pytest.mark.parametrize('encode', [encode_png, lambda image: encode_jpeg(image, 90)])
def test_cut_data_is_an_error(encode, keep):
    data = encode(smooth_image())
    end = int(data.size * keep) if isinstance(keep, float) else keep
    # A PNG without its last four bytes lacks a check sum only.
    if encode is encode_png and keep == -4:
        end = -9
    with pytest.raises(ImageError, match=r'0 bytes|cut short|cannot be decoded'):
        decode_compressed(data[:end])


def test_a_thumbnails_end_marker_does_not_hide_a_cut():
    thumbnail = encode_jpeg(smooth_image(8, 8), 50).tobytes()
    jpeg = encode_jpeg(smooth_image(), 90).tobytes()
    block = b'\xff\xe2' + struct.pack('>H', len(thumbnail) + 2) + thumbnail
    whole = jpeg[:2] + block + jpeg[2:]
    assert decode_compressed(np.frombuffer(whole, np.uint8)).image_hwc.shape == (48, 64, 3)
    with pytest.raises(ImageError, match='cut short'):
        decode_compressed(np.frombuffer(whole[:-200], np.uint8))


@pytest.mark.parametrize('data', [bytes(200), b'not an image', b'\x89PNG\r\n\x1a\n' + bytes(40)])
def test_other_data_is_an_error(data):
    with pytest.raises(ImageError):
        decode_compressed(np.frombuffer(data, np.uint8))


def test_image_files(tmp_path):
    good = tmp_path / 'good.png'
    good.write_bytes(encode_png(smooth_image()).tobytes())
    np.testing.assert_array_equal(read_image_file(good), smooth_image())
    (tmp_path / 'bad.png').write_bytes(b'nothing')
    with pytest.raises(ImageError, match=r'bad\.png'):
        read_image_file(tmp_path / 'bad.png')
    with pytest.raises(ImageError, match=r'absent\.png.*No such file'):
        read_image_file(tmp_path / 'absent.png')


def test_an_image_that_no_codec_takes_is_an_error():
    with pytest.raises(ImageError, match='cannot encode'):
        encode_png(np.empty((0, 4), np.uint8))
