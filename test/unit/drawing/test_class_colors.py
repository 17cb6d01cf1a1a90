# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from rtformer_ros.drawing.class_colors import blend_overlay, colorize, hidden_pixels
from rtformer_ros.errors import ImageError


def random_pair(shape=(17, 23, 3), seed=5):
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))


@settings(max_examples=30, deadline=None)
@given(alpha=st.floats(0, 1), seed=st.integers(0, 99))
def test_blend_is_the_weighted_mean(alpha, seed):
    image, color = random_pair(seed=seed)
    expected = image * (1 - alpha) + color.astype(float) * alpha
    assert np.abs(blend_overlay(image, color, alpha) - expected).max() <= 0.51


def test_the_ends_of_alpha_are_exact():
    image, color = random_pair()
    np.testing.assert_array_equal(blend_overlay(image, color, 0.0), image)
    np.testing.assert_array_equal(blend_overlay(image, color, 1.0), color)


@pytest.mark.parametrize('given_out', [False, True])
def test_hidden_pixels_keep_the_image(given_out):
    image, color = random_pair()
    out = np.empty_like(image) if given_out else None
    hidden = (np.arange(17 * 23).reshape(17, 23) % 3 == 0).astype(np.uint8) * 255
    blended = blend_overlay(image, color, 0.4, hidden, out)
    assert out is None or blended is out
    keep = hidden > 0
    np.testing.assert_array_equal(blended[keep], image[keep])
    np.testing.assert_array_equal(blended[~keep], blend_overlay(image, color, 0.4)[~keep])


@pytest.mark.parametrize('rows', [1, 5, 10])
@pytest.mark.parametrize('has_hidden', [False, True])
def test_each_row_of_colours_counts_for_several_of_the_image(rows, has_hidden):
    image, color = random_pair((20, 23, 3))
    color = color[:rows]
    hidden = (np.arange(rows * 23).reshape(rows, 23) % 3 == 0).astype(np.uint8) * 255
    hidden = hidden if has_hidden else None
    repeated = [None if few is None else few.repeat(20 // rows, 0) for few in (color, hidden)]
    expected = blend_overlay(image, repeated[0], 0.4, repeated[1])
    np.testing.assert_array_equal(blend_overlay(image, color, 0.4, hidden), expected)


@pytest.mark.parametrize('shape', [(6, 23, 3), (0, 23, 3), (20, 22, 3), (20, 23)])
def test_colours_of_another_shape(shape):
    image, _ = random_pair((20, 23, 3))
    with pytest.raises(ImageError, match='expected'):
        blend_overlay(image, np.zeros(shape, np.uint8), 0.4)


def test_image_with_row_padding():
    image, color = random_pair()
    wide = np.zeros((17, 30, 3), np.uint8)
    wide[:, :23] = image
    hidden = np.full((17, 23), 255, np.uint8)
    np.testing.assert_array_equal(blend_overlay(wide[:, :23], color, 0.5, hidden), image)


def test_hidden_pixels_without_a_filter_are_the_unlabelled_ones():
    class_map = np.array([[0, 254, 255]], np.uint8)
    assert hidden_pixels(class_map).tolist() == [[0, 0, 255]]
    assert hidden_pixels(class_map[:, :2]) is None
    assert hidden_pixels(class_map[:, 2:]).tolist() == [[255]]
    assert hidden_pixels(class_map[:, :1]) is None


def test_hidden_pixels_with_a_filter():
    class_map = np.array([[0, 1, 2, 255]], np.uint8)
    shown = np.zeros(256, bool)
    shown[[1, 255]] = True
    assert hidden_pixels(class_map, shown).tolist() == [[255, 0, 255, 255]]
    assert hidden_pixels(class_map, np.ones(256, bool)).tolist() == [[0, 0, 0, 255]]
    assert hidden_pixels(class_map[:, 1:2], shown) is None


def test_shapes_must_match():
    with pytest.raises(ImageError, match=r'\[2, 2, 3\].*\[2, 3, 3\]'):
        blend_overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8), 0.5)


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize('shape', [(1, 1), (37, 53)])
def test_colorize_is_a_table_lookup(shape, transposed):
    rng = np.random.default_rng(3)
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    class_map = rng.integers(0, 256, shape, dtype=np.uint8)
    class_map = class_map.T if transposed else class_map
    np.testing.assert_array_equal(colorize(class_map, palette), palette[class_map])


def test_colorize_writes_into_a_view_of_bytes():
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3)
    data = bytearray(2 * 3 * 3)
    out = np.frombuffer(data, np.uint8).reshape(2, 3, 3)
    assert colorize(np.full((2, 3), 5, np.uint8), palette, out) is out
    assert bytes(data) == bytes([15, 16, 17]) * 6


@pytest.mark.parametrize(
    'out',
    [
        np.empty((2, 4, 3), np.uint8),
        np.empty((2, 3, 3), np.int8),
        np.empty((2, 6, 3), np.uint8)[:, ::2],
        np.frombuffer(bytes(18), np.uint8).reshape(2, 3, 3),
    ],
    ids=['shape', 'dtype', 'strided', 'read-only'],
)
def test_colorize_refuses_an_output_it_cannot_fill(out):
    with pytest.raises(ImageError, match='output array'):
        colorize(np.zeros((2, 3), np.uint8), np.zeros((256, 3), np.uint8), out)


def test_colorize_refuses_wrong_shapes():
    with pytest.raises(ImageError, match=r'\[11, 3\]'):
        colorize(np.zeros((2, 3), np.uint8), np.zeros((11, 3), np.uint8))
