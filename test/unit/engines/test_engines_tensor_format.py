"""Check the conversions between images, class maps and tensors where models alone cannot."""

import numpy as np
import pytest

from rtformer_ros.engines.tensor_format import decode_outputs, encode_images
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
        np.testing.assert_allclose(tensor[:, plane], exact, rtol=np.finfo(dtype).eps * 4, atol=1e-3)


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
        ([np.zeros((1, 4, 4), np.float32)], 'class_index'),
        ([np.zeros((1, 4, 4), np.uint8)], 'class_map_confidence'),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 2, 2), np.uint8)], 'class_map_confidence'),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.float32)], 'class_map_confidence'),
    ],
)
def test_outputs_of_another_form_are_refused(outputs, kind):
    with pytest.raises(ModelError, match='expected'):
        decode_outputs(outputs, kind, (4, 4), 4)
