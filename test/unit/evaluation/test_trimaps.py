# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Scores near borders are those of closed forms and of a slow second implementation."""

import numpy as np
import pytest
from rtformer_ros.evaluation.trimaps import trimap, trimap_confusions, TRIMAP_WIDTHS_PX
from rtformer_ros.training.metrics import Scores

IGNORED, CLASSES = 255, 5


def slow_trimap(truth, width):
    """Each pixel looks at every other one."""
    height, wide = truth.shape
    found = np.zeros(truth.shape, bool)
    for y, x in np.ndindex(truth.shape):
        near = {
            int(truth[v, u])
            for v in range(max(0, y - width), min(height, y + width + 1))
            for u in range(max(0, x - width), min(wide, x + width + 1))
        }
        found[y, x] = truth[y, x] != IGNORED and bool(near - {int(truth[y, x]), IGNORED})
    return found


def patches(seed, shape=(23, 31)):
    """Truth of rectangles, some of them ignored, and a prediction with errors everywhere."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, np.uint8)
    for _ in range(8):
        top, left = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        value = rng.choice([1, 2, 4, IGNORED])
        truth[top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = value
    guessed = np.where(rng.random(shape) < 0.3, rng.integers(0, CLASSES, shape), truth % CLASSES)
    return truth, guessed.astype(np.uint8)


@pytest.mark.parametrize('seed', range(4))
def test_confusions_are_those_of_a_loop_over_pixels(seed):
    truth, predicted = patches(seed)
    came = trimap_confusions(predicted, truth, CLASSES, TRIMAP_WIDTHS_PX)
    for confusion, width in zip(came, TRIMAP_WIDTHS_PX, strict=True):
        near = slow_trimap(truth, width)
        np.testing.assert_array_equal(trimap(truth, width), near)
        expected = np.zeros((CLASSES, CLASSES), np.int64)
        for y, x in np.argwhere(near):
            expected[truth[y, x], predicted[y, x]] += 1
        np.testing.assert_array_equal(confusion, expected)
        assert near.any()
    assert not slow_trimap(truth, 1).all()


@pytest.mark.parametrize('width', [1, 3, 5, 9])
def test_a_straight_border_has_so_many_pixels_on_each_side(width):
    truth = np.zeros((7, 40), np.uint8)
    truth[:, 20:] = 3
    expected = np.zeros(truth.shape, bool)
    expected[:, 20 - width : 20 + width] = True
    np.testing.assert_array_equal(trimap(truth, width), expected)
    np.testing.assert_array_equal(trimap(truth.T.copy(), width), expected.T)


@pytest.mark.parametrize('shift', [0, 1, 2, 4, 7])
def test_a_shifted_mask_costs_what_its_shift_says(shift):
    truth = np.zeros((6, 60), np.uint8)
    truth[:, 30:] = 1
    predicted = np.zeros_like(truth)
    predicted[:, 30 + shift :] = 1
    came = trimap_confusions(predicted, truth, 2, TRIMAP_WIDTHS_PX)
    for confusion, width in zip(came, TRIMAP_WIDTHS_PX, strict=True):
        wrong = min(shift, width)  # columns of class 1 that were taken for 0, within the band
        iou = [width / (width + wrong), (width - wrong) / width]
        assert Scores(confusion).iou.tolist() == pytest.approx(iou)
        assert Scores(confusion).mean_iou == pytest.approx(sum(iou) / 2)


def test_ignored_pixels_are_no_class_and_do_not_count():
    truth = np.full((5, 30), 2, np.uint8)
    truth[:, 10:13] = IGNORED
    assert not trimap(truth, 9).any()
    # Across the gap, the next pixel of another class is four columns away.
    truth[:, 13:] = 0
    assert not trimap(truth, 3).any()
    expected = np.zeros(truth.shape, bool)
    expected[:, [9, 13]] = True
    np.testing.assert_array_equal(trimap(truth, 4), expected)


@pytest.mark.parametrize('value', [0, 4, IGNORED])
def test_an_image_without_borders_has_no_scores(value):
    truth = np.full((4, 5), value, np.uint8)
    came = trimap_confusions(np.zeros_like(truth), truth, CLASSES, (1, 9))
    assert came.shape == (2, CLASSES, CLASSES)
    assert not came.any()
    assert np.isnan(Scores(came[0]).mean_iou)
