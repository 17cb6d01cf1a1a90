# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the conversions between images, class maps and tensors where models alone cannot."""

import math

import numpy as np
import pytest
from rtformer_ros.engines.tensor_format import class_count, decode_outputs, encode_images
from rtformer_ros.errors import ModelError
from rtformer_ros.model_metadata import InputFormat

IMAGES = np.random.default_rng(3).integers(0, 256, (2, 4, 6, 3), np.uint8)


def test_images_that_fit_are_not_copied():
    assert np.shares_memory(encode_images(IMAGES, InputFormat(), np.uint8), IMAGES)


def test_a_view_becomes_contiguous_and_keeps_its_pixels():
    view = IMAGES[:, ::2, ::-1]
    tensor = encode_images(view, InputFormat(), np.uint8)
    assert tensor.flags.c_contiguous
    assert np.array_equal(tensor, view)


def test_raw_pixels_can_be_wanted_in_bgr():
    tensor = encode_images(IMAGES, InputFormat(channel_order='bgr'), np.uint8)
    assert tensor.flags.c_contiguous
    assert np.array_equal(tensor, IMAGES[..., [2, 1, 0]])


@pytest.mark.parametrize('dtype', [np.float32, np.float16])
def test_planes_hold_normalised_channels(dtype):
    form = InputFormat('nchw_float', 'bgr', 0.5, (1.0, 2.0, 3.0), (4.0, 5.0, 8.0))
    tensor = encode_images(IMAGES, form, dtype)
    assert tensor.dtype == dtype
    assert tensor.flags.c_contiguous
    for plane, (source, mean, std) in enumerate([(2, 1, 4), (1, 2, 5), (0, 3, 8)]):
        exact = (IMAGES[..., source].astype(np.float64) * 0.5 - mean) / std
        np.testing.assert_allclose(
            tensor[:, plane], exact, rtol=np.finfo(dtype).eps * 4, atol=1e-3
        )


@pytest.mark.parametrize(
    ('logits', 'class_id', 'confidence'),
    [
        ([0.0, 0.0], 0, 128),
        ([-1e30, 1e30], 1, 255),
        ([1e4, 1e4], 0, 128),
        ([0.0, np.log(4.0)], 1, 204),
        ([-np.inf, 0.0], 1, 255),
        ([np.nan, 0.0], 0, 0),
        ([np.inf, np.inf], 0, 0),
    ],
)
def test_confidence_is_the_softmax_of_the_winner(logits, class_id, confidence):
    tensor = np.array(logits, np.float32).reshape(1, 2, 1, 1)
    result = decode_outputs([tensor], 'logits', (1, 1), 2)
    assert (int(result.class_map_nhw[0, 0, 0]), int(result.confidence_nhw[0, 0, 0])) == (
        class_id,
        confidence,
    )


def test_resizing_to_a_smaller_map_keeps_its_place():
    # A vertical edge in the middle stays in the middle.
    logits = np.zeros((1, 2, 8, 8), np.float32)
    logits[0, 1, :, 4:] = 1
    logits[0, 0, :, :4] = 1
    result = decode_outputs([logits], 'logits', (4, 4), 2)
    assert result.class_map_nhw[0].tolist() == [[0, 0, 1, 1]] * 4


@pytest.mark.parametrize(
    'values', [[-1, 0, 1, 3], [255, 0, 1, 3], [256, 0, 1, 3], [2**40, 0, 1, 3]]
)
def test_ids_out_of_range_do_not_wrap_around(values):
    result = decode_outputs([np.array([[values]], np.int64)], 'class_index', (1, 4), 3)
    assert result.class_map_nhw.tolist() == [[[255, 0, 1, 255]]]


@pytest.mark.parametrize(
    ('outputs', 'kind'),
    [
        ([np.zeros((1, 1, 4, 4), np.float32)], 'logits'),
        ([np.zeros((1, 256, 4, 4), np.float32)], 'logits'),
        ([np.zeros((1, 4, 4), np.float32)], 'logits'),
        ([np.zeros((1, 4, 5), np.int64)], 'class_index'),
        ([np.zeros((1, 4, 4), np.uint8)], 'class_map_confidence'),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 2, 2), np.uint8)], 'class_map_confidence'),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.float32)], 'class_map_confidence'),
    ],
)
def test_outputs_of_another_form_are_refused(outputs, kind):
    with pytest.raises(ModelError, match='expected'):
        decode_outputs(outputs, kind, (4, 4), 4)


@pytest.mark.parametrize(
    ('shape', 'dtype', 'guess'),
    [
        # In the order of the last two: with 64, 128 and 48 rows taken for classes.
        ((1, 64, 128, 19), np.float32, '19 classes in the order [N, h, w, classes]'),
        ((1, 128, 256, 11), np.float16, '11 classes in the order [N, h, w, classes]'),
        ((1, 512, 1024, 19), np.float32, '19 classes in the order [N, h, w, classes]'),
        ((1, 33, 65, 19), np.float32, ''),
        ((1, 19, 65, 33), np.float32, ''),
        ((1, 19, 128, 64), np.float32, 'height and width look exchanged'),
        ((1, 1, 512, 1024), np.float32, 'binary mask'),
        ((1, 1024, 64, 128), np.float32, 'features'),
        ((1, 256, 512, 1024), np.float32, 'features'),
        ((19, 64, 128), np.float32, 'without a batch'),
        ((1, 512, 1024), np.int64, 'describe the output as class_index'),
        ((1, 512, 1024, 1), np.int64, 'describe the output as class_index'),
        ((1, 1000), np.float32, ''),
        ((1, 19, 100, 100), np.float32, ''),
        ((1, 19, 0, 0), np.float32, ''),
    ],
)
def test_what_cannot_be_logits_is_refused_with_a_guess(shape, dtype, guess):
    with pytest.raises(ModelError, match='logits are expected to be') as caught:
        decode_outputs([np.zeros(shape, dtype)], 'logits', (512, 1024), 19)
    said = str(caught.value).partition('fraction of both')[2]
    assert guess in said
    assert bool(said) == bool(guess)


@pytest.mark.parametrize('size', [(512, 1024), (360, 640), (513, 1025), (720, 960), (48, 64)])
@pytest.mark.parametrize('divisor', [1, 2, 4, 8, 16, 32])
def test_logits_of_a_fraction_of_the_input_are_taken(size, divisor):
    """As strided convolutions leave it, which round up or down, with and without padding."""
    shapes = {
        tuple(rounded(length / divisor) for length in size) for rounded in (math.floor, math.ceil)
    }
    for height, width in shapes:
        logits = np.zeros((1, 3, height, width), np.float32)
        assert decode_outputs([logits], 'logits', size, 3).class_map_nhw.shape == (1, *size)


@pytest.mark.parametrize(
    ('kind', 'scores', 'class_id', 'confidence'),
    [
        ('probabilities', [0.2, 0.8], 1, 204),
        ('sigmoid', [0.5], 1, 128),
        ('sigmoid', [0.2], 0, 204),
        ('sigmoid', [0.6, 0.8], 1, 204),
        ('sigmoid', [0.4, 0.2], 255, 102),
    ],
)
@pytest.mark.parametrize('layout', ['nchw', 'nhwc'])
def test_scores_that_are_probabilities_are_taken_as_they_are(
    kind, scores, class_id, confidence, layout
):
    shape = (1, -1, 1, 1) if layout == 'nchw' else (1, 1, 1, -1)
    tensor = np.array(scores, np.float32).reshape(shape)
    result = decode_outputs([tensor], kind, (1, 1), 2, layout)
    assert int(result.class_map_nhw[0, 0, 0]) == class_id
    assert int(result.confidence_nhw[0, 0, 0]) == confidence


def test_class_ids_may_be_float_and_have_a_channel_last():
    ids = np.array([0, 1, 2, 7], np.float32).reshape(1, 1, 4, 1)
    result = decode_outputs([ids], 'class_index', (1, 4), 3, 'nhwc')
    assert result.class_map_nhw[0, 0].tolist() == [0, 1, 2, 255]


def test_fractions_are_no_class_ids_at_opening_and_unlabelled_later():
    ids = np.array([0, 0.5, np.nan, 2], np.float32).reshape(1, 1, 4)
    with pytest.raises(ModelError, match='whole numbers'):
        class_count([ids], 'class_index', (1, 4))
    assert class_count([np.ones((1, 1, 4), np.float32)], 'class_index', (1, 4)) is None
    result = decode_outputs([ids], 'class_index', (1, 4), 3)
    assert result.class_map_nhw[0, 0].tolist() == [0, 255, 255, 2]


@pytest.mark.parametrize('kind', ['probabilities', 'sigmoid'])
def test_logits_are_not_taken_for_probabilities(kind):
    with pytest.raises(ModelError, match='expected from 0 to 1'):
        class_count([np.full((1, 2, 4, 4), -3, np.float32)], kind, (4, 4))


def test_bytes_in_planes_and_floats_with_channels_last():
    planes = encode_images(IMAGES, InputFormat('nchw_uint8'), np.uint8)
    assert np.array_equal(planes, np.moveaxis(IMAGES, 3, 1))
    tensor = encode_images(IMAGES, InputFormat('nhwc_float'), np.float32)
    np.testing.assert_allclose(tensor, IMAGES / 255, rtol=1e-6)
