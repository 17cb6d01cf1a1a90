# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Scores over a data set are those of a plain count, and the worst images are the worst."""

from collections import Counter

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, ImageError, ModelError
from rtformer_ros.evaluation.scores import check_classes, evaluate, evenly_spaced
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, id_table, Sample

CLASSES, ABSENT, IGNORED = 5, 3, 255
LABELS = LabelSet.generic(CLASSES, 'five')


def write_dataset(folder, truths):
    """Write truths (ids or IGNORED) as label files; an image's red is its number."""
    samples = []
    for number, truth in enumerate(truths):
        image, label = folder / f'image_{number}.png', folder / f'label_{number}.png'
        cv2.imwrite(str(image), np.full((*truth.shape, 3), number, np.uint8))
        cv2.imwrite(str(label), truth)
        samples.append(Sample(image, label))
    table = id_table({i: i for i in range(CLASSES)}, (IGNORED,))
    return Dataset('five val', LABELS, tuple(samples), table)


def random_maps(seed, count=4):
    """Truths and predictions of several sizes, ever more of them wrong; ABSENT is in none."""
    rng = np.random.default_rng(seed)
    ids = [i for i in range(CLASSES) if i != ABSENT]
    truths, predictions = [], []
    for number in range(count):
        truth = rng.choice(ids, (8 + number, 11)).astype(np.uint8)
        wrong = rng.random(truth.shape) < 0.2 * number
        predictions.append(np.where(wrong, rng.choice(ids, truth.shape), truth).astype(np.uint8))
        truth[rng.random(truth.shape) < 0.1] = IGNORED
        truths.append(truth)
    return truths, predictions


def predictor(predictions):
    return lambda image_hwc: predictions[image_hwc[0, 0, 0]]


def counted(truths, predictions):
    """Pairs of (true, predicted) by a loop over pixels."""
    pairs = Counter()
    for truth, predicted in zip(truths, predictions, strict=True):
        pairs.update(zip(truth.flatten().tolist(), predicted.flatten().tolist(), strict=True))
    return {pair: number for pair, number in pairs.items() if pair[0] != IGNORED}


def iou_by_class(pairs):
    result = {}
    for class_id in range(CLASSES):
        union = sum(n for pair, n in pairs.items() if class_id in pair)
        if union:
            result[class_id] = pairs.get((class_id, class_id), 0) / union
    return result


@pytest.mark.parametrize('seed', range(3))
def test_scores_are_those_of_a_plain_count(tmp_path, seed):
    truths, predictions = random_maps(seed)
    evaluation = evaluate(write_dataset(tmp_path, truths), predictor(predictions))
    pairs = counted(truths, predictions)
    for true_id in range(CLASSES):
        for predicted_id in range(CLASSES):
            expected = pairs.get((true_id, predicted_id), 0)
            assert evaluation.scores.confusion[true_id, predicted_id] == expected
    expected = iou_by_class(pairs)
    assert ABSENT not in expected
    assert np.isnan(evaluation.scores.iou[ABSENT])
    assert {i: evaluation.scores.iou[i] for i in expected} == pytest.approx(expected)
    assert evaluation.scores.mean_iou == pytest.approx(sum(expected.values()) / (CLASSES - 1))
    right = sum(n for (true_id, predicted_id), n in pairs.items() if true_id == predicted_id)
    assert evaluation.scores.pixel_accuracy == pytest.approx(right / sum(pairs.values()))


def test_each_image_has_its_own_scores_and_the_worst_come_first(tmp_path):
    truths, predictions = random_maps(7, count=6)
    # The fullest of errors goes first, so that order of files and of merit differ.
    truths, predictions = truths[::-1], predictions[::-1]
    truths.append(np.full((5, 5), IGNORED, np.uint8))
    predictions.append(np.zeros((5, 5), np.uint8))
    done = []
    evaluation = evaluate(
        write_dataset(tmp_path, truths),
        predictor(predictions),
        worst_count=3,
        on_image=lambda: done.append(1),
    )
    assert len(done) == 7
    for image, truth, predicted in zip(evaluation.images[:6], truths, predictions, strict=False):
        expected = iou_by_class(counted([truth], [predicted]))
        assert image.mean_iou == pytest.approx(np.mean(list(expected.values())))
    assert np.isnan(evaluation.images[6].mean_iou)
    assert np.isnan(evaluation.images[6].pixel_accuracy)
    ranked = sorted(range(6), key=lambda number: evaluation.images[number].mean_iou)
    assert [image for image, _ in evaluation.worst] == [evaluation.images[i] for i in ranked[:3]]
    for number, (_, class_map) in zip(ranked, evaluation.worst, strict=False):
        np.testing.assert_array_equal(class_map, predictions[number])


@pytest.mark.parametrize('worst_count', [-1, 0, 9])
def test_no_more_images_are_kept_than_there_are_or_asked_for(tmp_path, worst_count):
    truths, predictions = random_maps(1)
    dataset = write_dataset(tmp_path, truths)
    evaluation = evaluate(dataset, predictor(predictions), worst_count=worst_count)
    assert len(evaluation.worst) == max(0, min(4, worst_count))


def test_trimaps_of_all_images_are_counted_together(tmp_path):
    truths, predictions = random_maps(5)
    dataset = write_dataset(tmp_path, truths)
    assert evaluate(dataset, predictor(predictions)).trimaps == ()
    came = evaluate(dataset, predictor(predictions), trimap_widths_px=(1, 3)).trimaps
    assert [each.width_px for each in came] == [1, 3]
    # In these noisy maps, each pixel has another class near it.
    pairs = counted(truths, predictions)
    expected = np.zeros((CLASSES, CLASSES), np.int64)
    for pair, number in pairs.items():
        expected[pair] = number
    np.testing.assert_array_equal(came[1].scores.confusion, expected)


def test_ids_that_the_data_set_has_not_are_refused(tmp_path):
    truths, predictions = random_maps(1)
    predictions[2][4, 4] = CLASSES
    with pytest.raises(ModelError, match=r'class id 5 for .*image_2\.png; five val has .* 0 to 4'):
        evaluate(write_dataset(tmp_path, truths), predictor(predictions))


def test_a_broken_label_is_named(tmp_path):
    truths, predictions = random_maps(1)
    truths[1][0, 0] = 77
    with pytest.raises(ImageError, match=r'label_1\.png holds the id\(s\) 77'):
        evaluate(write_dataset(tmp_path, truths), predictor(predictions))


def test_limited_samples_are_spread_and_the_same_each_time():
    samples = tuple(range(101))
    assert evenly_spaced(samples, None) == samples
    assert evenly_spaced(samples, 200) == samples
    twenty = evenly_spaced(samples, 20)
    assert (len(twenty), twenty[0]) == (20, 0)
    assert set(np.diff(twenty)) == {5}
    assert evenly_spaced(samples, 3) == (0, 33, 67)
    with pytest.raises(ConfigError, match='limit is 0'):
        evenly_spaced(samples, 0)


def test_classes_have_to_be_those_of_the_data_set():
    def named(*names):
        return LabelSet('set', tuple(LabelClass(name, (0, 0, 0)) for name in names))

    check_classes(named('Road', 'sky'), named('road', 'Sky'), 'm.onnx')
    check_classes(LabelSet.generic(2), named('road', 'sky'), 'm.onnx')
    with pytest.raises(ConfigError, match=r"class 1 of m\.onnx is 'car', that of 'set' is 'sky'"):
        check_classes(named('road', 'car'), named('road', 'sky'), 'm.onnx')
    with pytest.raises(ConfigError, match=r"m\.onnx tells 3 classes apart, 'set' has 2"):
        check_classes(LabelSet.generic(3), named('road', 'sky'), 'm.onnx')
