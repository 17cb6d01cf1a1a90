# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import itertools

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from rtformer_ros.imaging.resize import (
    Buffers,
    enlarge,
    from_network,
    place,
    Placement,
    to_network,
)

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@pytest.mark.parametrize(
    ('source', 'network', 'content'),
    [
        ((480, 640), (360, 480), (0, 0, 360, 480)),
        ((1080, 1920), (360, 480), (45, 0, 270, 480)),
        ((640, 480), (360, 480), (0, 105, 360, 270)),
        ((1, 5000), (360, 480), (179, 0, 1, 480)),
    ],
)
def test_letterbox_keeps_the_shape_and_centres(source, network, content):
    placement = place(source, network, 'letterbox')
    assert (placement.top, placement.left, placement.height, placement.width) == content


def test_stretch_fills_the_network():
    assert place((7, 9), (360, 480), 'stretch') == Placement(0, 0, 360, 480, 360, 480)


def test_image_of_the_network_size_is_passed_without_a_copy():
    image = np.zeros((36, 48, 3), np.uint8)
    out = np.ones((36, 48, 3), np.uint8)
    assert to_network(image, place((36, 48), (36, 48), 'letterbox'), out) is image


@pytest.mark.parametrize('mode', ['stretch', 'letterbox'])
@pytest.mark.parametrize('source', [(100, 200), (200, 100), (33, 47), (480, 640)])
def test_a_linear_ramp_keeps_its_values_where_it_lies(mode, source):
    rows, columns = (np.arange(n) + 0.5 for n in source)
    ramp = np.zeros((*source, 3), np.uint8)
    ramp[..., 0] = np.round(columns / source[1] * 200)
    ramp[..., 1] = np.round(rows / source[0] * 200)[:, None]
    placement = place(source, (36, 48), mode)
    network = to_network(ramp, placement, np.empty((36, 48, 3), np.uint8))
    content = network[
        placement.top : placement.top + placement.height,
        placement.left : placement.left + placement.width,
    ]
    wanted_x = (np.arange(placement.width) + 0.5) / placement.width * 200
    wanted_y = (np.arange(placement.height) + 0.5) / placement.height * 200
    inner = content[1:-1, 1:-1].astype(float)
    assert np.abs(inner[..., 0] - wanted_x[1:-1]).max() <= 3
    assert np.abs(inner[..., 1] - wanted_y[1:-1, None]).max() <= 3


@pytest.mark.parametrize('mode', ['stretch', 'letterbox'])
@pytest.mark.parametrize('size', [(72, 96), (36, 48), (10, 13), (75, 200), (1, 1)])
def test_a_map_comes_back_by_nearest_pixel_centres(mode, size):
    map_hw = np.random.default_rng(0).integers(0, 255, (36, 48), np.uint8)
    placement = place((90, 160), (36, 48), mode)
    content = map_hw[
        placement.top : placement.top + placement.height,
        placement.left : placement.left + placement.width,
    ]
    result = from_network(map_hw, placement, size)
    assert result.flags.c_contiguous
    assert result.shape == size
    # A centre that lies on the edge of two pixels may fall to either.
    fits = np.zeros(size, bool)
    for row_shift, column_shift in itertools.product((-1e-3, 1e-3), repeat=2):
        centres_y = (np.arange(size[0]) + 0.5) * content.shape[0] / size[0]
        centres_x = (np.arange(size[1]) + 0.5) * content.shape[1] / size[1]
        rows = np.floor(centres_y + row_shift).astype(int)
        columns = np.floor(centres_x + column_shift).astype(int)
        fits |= result == content[rows][:, columns]
    assert fits.all()


@settings(deadline=None)
@given(SIZES, SIZES, st.sampled_from([(), (3,)]))
def test_enlarging_in_two_steps_is_the_same_as_in_one(source, size, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (*source, *channels), np.uint8)
    buffers = Buffers()
    for _ in range(2):
        out = np.empty((*size, *channels), np.uint8)
        assert enlarge(pixels, out, buffers) is out
        at_once = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        np.testing.assert_array_equal(out, at_once)


@pytest.mark.parametrize('factor', [2, 3, 4, 7, 128, 129])
@pytest.mark.parametrize('height', [6, 18])
def test_whole_factors_repeat_the_pixels_of_any_view(factor, height):
    with_bars = np.random.default_rng(0).integers(0, 256, (10, 9), np.uint8)
    pixels = with_bars[2:8, 1:8]
    out = np.empty((height, 7 * factor), np.uint8)
    enlarge(pixels, out)
    np.testing.assert_array_equal(out, pixels.repeat(height // 6, 0).repeat(factor, 1))


def mean_of_squares(image: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 pixels, halves rounded up."""
    corners = [image[y::2, x::2].astype(int) for y in (0, 1) for x in (0, 1)]
    return ((sum(corners) + 2) // 4).astype(np.uint8)


@pytest.mark.parametrize(
    ('source', 'halvings'),
    [((72, 96), 1), ((144, 192), 2), ((216, 384), 2), ((108, 192), 1), ((71, 96), 0)],
)
def test_shrinking_averages_squares_and_is_bilinear_then(source, halvings):
    image = np.random.default_rng(1).integers(0, 256, (*source, 3), np.uint8)
    before, placement, buffers = image.copy(), place(source, (36, 48), 'stretch'), Buffers()
    expected = image
    for _ in range(halvings):
        expected = mean_of_squares(expected)
    expected = cv2.resize(expected, (48, 36), interpolation=cv2.INTER_LINEAR)
    for _ in range(2):
        result = to_network(image, placement, np.empty((36, 48, 3), np.uint8), buffers)
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize('mode', ['stretch', 'letterbox'])
@pytest.mark.parametrize(
    'source', [(36, 48), (72, 96), (144, 192), (108, 192), (145, 201), (20, 30), (100, 70)]
)
@pytest.mark.parametrize(
    ('channels', 'code'),
    [
        (3, cv2.COLOR_BGR2RGB),
        (4, cv2.COLOR_BGRA2RGB),
        (4, cv2.COLOR_RGBA2RGB),
        (1, cv2.COLOR_GRAY2RGB),
    ],
)
def test_channels_are_put_in_order_before_or_after_with_the_same_result(
    channels, code, source, mode
):
    padded = np.random.default_rng(1).integers(0, 256, (source[0], source[1] + 3, channels), 'u1')
    # Rows with padding, as in messages.
    image = padded[:, : source[1]]
    before, placement, buffers = image.copy(), place(source, (36, 48), mode), Buffers()
    rgb = cv2.cvtColor(image, code)
    expected = to_network(rgb, placement, np.empty((36, 48, 3), np.uint8))
    for _ in range(2):
        out = np.empty((36, 48, 3), np.uint8)
        assert to_network(image, placement, out, buffers, code) is out
        # OpenCV rounds one channel and three in its own ways.
        np.testing.assert_allclose(out.astype(int), expected, atol=0 if channels == 3 else 1)
    np.testing.assert_array_equal(image, before)


def test_odd_images_are_averaged_at_once():
    image = np.random.default_rng(1).integers(0, 256, (145, 201, 3), np.uint8)
    result = to_network(
        image, place((145, 201), (36, 48), 'stretch'), np.empty((36, 48, 3), np.uint8)
    )
    np.testing.assert_array_equal(
        result, cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA)
    )


def test_buffers_are_used_again_and_do_not_grow_without_end():
    buffers = Buffers()
    assert buffers.get(3, 4) is buffers.get(3, 4)
    assert buffers.get(3, 4).shape == (3, 4)
    for size in range(1, 100):
        buffers.get(size)
    assert len(buffers._arrays) <= 8
