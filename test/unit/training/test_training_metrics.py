# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check confusion matrix and scores against scikit-learn."""

import numpy as np
import pytest
from rtformer_ros.training.metrics import (
    ClassificationScores,
    confusion_matrix,
    count_right_in_5,
    Scores,
)
from sklearn.metrics import accuracy_score, jaccard_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
import torch

CLASSES, IGNORED = 6, 255


def random_maps(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, CLASSES, (2, 3, 20, 30))
    truth[rng.random(truth.shape) < 0.2] = IGNORED
    return predicted, truth


def absent_class(seed):
    predicted, truth = random_maps(seed)
    truth[truth == 4] = 2
    predicted[predicted == 4] = 1
    return predicted, truth


def one_class(_):
    return np.zeros((2, 5, 5), int), np.zeros((2, 5, 5), int)


@pytest.mark.parametrize('maps', [random_maps, absent_class, one_class])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64])
def test_scores_are_scikit_learns(maps, dtype):
    predicted, truth = maps(5)
    matrix = confusion_matrix(
        torch.tensor(predicted).to(dtype), torch.tensor(truth).to(dtype), CLASSES
    ).numpy()
    known = truth != IGNORED
    ids = list(range(CLASSES))
    flat = truth[known], predicted[known]
    assert np.array_equal(matrix, sklearn_confusion_matrix(*flat, labels=ids))
    scores = Scores(matrix)
    occur = np.isin(ids, np.concatenate(flat))
    iou = jaccard_score(*flat, labels=ids, average=None, zero_division=0)
    assert scores.iou[occur] == pytest.approx(iou[occur])
    assert np.isnan(scores.iou[~occur]).all()
    assert scores.mean_iou == pytest.approx(iou[occur].mean())
    assert scores.pixel_accuracy == pytest.approx(accuracy_score(*flat))


def test_scores_of_nothing_are_nan():
    nothing = torch.full((4, 4), IGNORED)
    matrix = confusion_matrix(torch.zeros(4, 4), nothing, CLASSES).numpy()
    assert matrix.shape == (CLASSES, CLASSES)
    assert not matrix.any()
    assert np.isnan(Scores(matrix).mean_iou)
    assert np.isnan(Scores(matrix).pixel_accuracy)


@pytest.mark.parametrize('classes', [3, 5, 12])
def test_top_5_is_a_sort_in_numpy(classes):
    rng = np.random.default_rng(classes)
    logits, truth = rng.standard_normal((200, classes)), rng.integers(0, classes, 200)
    truth[truth == 1] = 0
    right_in_5 = count_right_in_5(torch.tensor(logits), torch.tensor(truth)).numpy()
    order = np.argsort(-logits, axis=1)
    expected = [
        sum(c in order[i, :5] for i in range(200) if truth[i] == c) for c in range(classes)
    ]
    assert right_in_5.tolist() == expected
    predicted = torch.tensor(logits).argmax(dim=1)
    confusion = confusion_matrix(predicted, torch.tensor(truth), classes).numpy()
    scores = ClassificationScores(confusion, right_in_5)
    is_right = order[:, 0] == truth
    assert scores.summary == pytest.approx(
        {'top_1': is_right.mean(), 'top_5': sum(expected) / 200}
    )
    assert np.isnan(scores.by_class[1])
    assert np.isnan(scores.top_5_by_class[1])
    for c in (0, 2):
        assert scores.by_class[c] == pytest.approx(is_right[truth == c].mean())
        assert scores.top_5_by_class[c] == pytest.approx(expected[c] / (truth == c).sum())


def test_no_image_has_no_score():
    scores = ClassificationScores(np.zeros((2, 2), np.int64), np.zeros(2, np.int64))
    assert all(np.isnan(value) for value in scores.summary.values())
