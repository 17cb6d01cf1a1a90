# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a CompressedImage says of its bytes counts as image_transport's plugins mean it."""

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import decode_compressed

HEIGHT, WIDTH = 48, 64
# The four pixels at the top left, row by row, as indices of R, G and B.
PATTERNS = {'rggb': (0, 1, 1, 2), 'bggr': (2, 1, 1, 0), 'gbrg': (1, 2, 0, 1), 'grbg': (1, 0, 2, 1)}


def scene() -> np.ndarray:
    """A smooth RGB picture whose channels are far apart."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    red, blue = 200 + columns / 4, 20 + rows / 4
    return np.stack([red, 90 + (rows + columns) / 4, blue], axis=-1).round().astype(np.uint8)


SCENE = scene()


def mosaic(pattern: str) -> np.ndarray:
    image = np.empty((HEIGHT, WIDTH), np.uint8)
    for place, channel in enumerate(PATTERNS[pattern]):
        row, column = divmod(place, 2)
        image[row::2, column::2] = SCENE[row::2, column::2, channel]
    return image


def encoded(suffix: str, pixels: np.ndarray) -> np.ndarray:
    """What OpenCV makes of pixels that it takes for BGR, or grey."""
    done, data = cv2.imencode(suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])
    assert done
    return data


def rgb_of(data: np.ndarray, described: str, doubt: str = '') -> np.ndarray:
    decoded = decode_compressed(data, described=described)
    assert decoded.image_hwc.dtype == np.uint8
    assert decoded.doubt == doubt
    return decoded.image_hwc


def off(image: np.ndarray) -> float:
    """How far an image is from the scene, without the rim that demosaicing repeats."""
    assert image.shape == SCENE.shape
    return np.abs(image.astype(int) - SCENE)[2:-2, 2:-2].max()


@pytest.mark.parametrize('pattern', PATTERNS)
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_mosaics_become_colour(pattern, suffix):
    codec = {'.jpg': 'jpeg', '.png': 'png'}[suffix]
    data = encoded(suffix, mosaic(pattern))
    image = rgb_of(data, f'bayer_{pattern}8; {codec} compressed ')
    # JPEG blurs what differs from pixel to pixel.
    assert off(image) <= {'.jpg': 6, '.png': 1}[suffix]
    assert (rgb_of(data, f'bayer_{pattern}8; {codec} compressed') == image).all()


def test_a_mosaic_of_16_bits_keeps_them_until_it_is_in_colour():
    wide = mosaic('grbg').astype(np.uint16) * 257
    assert off(rgb_of(encoded('.png', wide), 'bayer_grbg16; png compressed ')) <= 1


def test_a_mosaic_that_was_made_grey_stays_grey():
    grey = mosaic('rggb')
    image = rgb_of(encoded('.png', grey), 'bayer_rggb8; png compressed mono8')
    np.testing.assert_array_equal(image, np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize(
    ('described', 'is_bgr'),
    [
        ('rgb8; png compressed bgr8', True),
        ('bgr8; png compressed bgr8', True),
        ('bgra8; png compressed bgr8', True),
        ('png', True),
        ('PNG', True),
        ('', True),
        ('yuv422; png compressed bgr8', True),
        # The encoder got RGB and took it for BGR.
        ('rgb8; png compressed ', False),
        ('rgb8; png compressed rgb8', False),
        ('bgr8; png compressed rgb8', False),
    ],
)
def test_red_and_blue_are_where_the_description_says(described, is_bgr):
    given = SCENE[..., ::-1] if is_bgr else SCENE
    np.testing.assert_array_equal(rgb_of(encoded('.png', given), described), SCENE)


@pytest.mark.parametrize('described', ['png', 'mono16; png compressed ', '16UC1; png compressed '])
def test_grey_of_16_bits_is_scaled_to_8(described):
    wide = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = rgb_of(encoded('.png', wide), described)
    np.testing.assert_array_equal(image[..., 1], np.rint(wide / 257))
    assert (image == image[..., :1]).all()


def test_colour_of_16_bits_is_scaled_to_8():
    wide = SCENE.astype(np.uint16)[..., ::-1] * 257
    image = rgb_of(encoded('.png', wide), 'rgb16; png compressed bgr16')
    np.testing.assert_array_equal(image, SCENE)


@pytest.mark.parametrize(
    ('suffix', 'pixels', 'described', 'doubt'),
    [
        ('.jpg', SCENE, 'png', 'PNG, but its bytes are JPEG'),
        ('.png', SCENE, 'rgb8; jpeg compressed bgr8', 'JPEG, but its bytes are PNG'),
        ('.png', SCENE, 'h264', 'H264, but its bytes are PNG'),
        ('.png', SCENE, 'mono8; png compressed ', "'mono8', but its bytes are in colour"),
        (
            '.jpg',
            SCENE,
            'bayer_rggb8; jpeg compressed ',
            "'bayer_rggb8', but its bytes are in col",
        ),
        ('.jpg', SCENE[..., 0], 'rgb8; jpeg compressed bgr8', "'rgb8', but its bytes are grey"),
    ],
)
def test_bytes_count_where_the_description_contradicts_them(suffix, pixels, described, doubt):
    data = encoded(suffix, pixels)
    decoded = decode_compressed(data, described=described)
    assert f'format {described!r} says {doubt}' in decoded.doubt
    np.testing.assert_array_equal(decoded.image_hwc, decode_compressed(data).image_hwc)


def test_a_description_of_any_text_is_harmless():
    data = encoded('.png', SCENE)
    for described in ('x' * 1_000_000, ';' * 9999, '\0\n; compressed', 'jpeg' * 100_000):
        assert decode_compressed(data, described=described).image_hwc.shape == SCENE.shape
    long = decode_compressed(data, described='jpeg; jpeg' + ' ' * 100_000).doubt
    assert 'its bytes are PNG' in long
    assert len(long) < 200


def test_a_mosaic_too_small_for_colour_is_refused():
    data = encoded('.png', np.zeros((2, 2), np.uint8))
    with pytest.raises(ImageError, match='at least 3x3'):
        decode_compressed(data, described='bayer_rggb8; png compressed ')
