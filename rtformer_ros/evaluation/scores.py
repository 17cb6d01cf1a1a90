# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compare a model's class maps with the truth, image by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
import heapq
from itertools import count
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.evaluation.trimaps import trimap_confusions, TrimapScores
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.data.decoding import decoded_in_order
from rtformer_ros.training.data.sample_store import decode_sample, LabelHw
from rtformer_ros.training.datasets.dataset import Dataset, Sample
from rtformer_ros.training.metrics import Scores

_SampleT = TypeVar('_SampleT')
ClassMapHw = npt.NDArray[np.uint8]
Predict = Callable[[npt.NDArray[np.uint8]], ClassMapHw]
"""From an RGB image, uint8 [h, w, 3], to its class ids, uint8 [h, w]."""


@dataclass(frozen=True)
class ImageScore:
    """
    How well one image was segmented.

    mean_iou: 0..1, over the classes in its truth or prediction; NaN where no pixel counts.
    pixel_accuracy: 0..1, share of right pixels; NaN likewise.
    """

    sample: Sample
    mean_iou: float
    pixel_accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """
    The scores of a model on a data set.

    scores: over all pixels of all images; images: in the order of the data set; worst: those with
    the lowest mean IoU and the class map that the model gave, the worst one first; trimaps: over
    the pixels near borders of all images, the narrowest first; empty where none were asked for.
    """

    dataset: Dataset
    scores: Scores
    images: tuple[ImageScore, ...]
    worst: tuple[tuple[ImageScore, ClassMapHw], ...]
    trimaps: tuple[TrimapScores, ...] = ()


def evaluate(
    dataset: Dataset,
    predict: Predict,
    *,
    worst_count: int = 8,
    trimap_widths_px: Sequence[int] = (),
    on_image: Callable[[], None] = lambda: None,
) -> Evaluation:
    """
    Run a model on every image and count how often each class is taken for which.

    worst_count: how many images to keep the predictions of; trimap_widths_px: pixels, ascending,
    see trimap; on_image: called after each image.
    Raises ImageError for a sample that is broken, ModelError for a class that the data set has
    not.
    """
    classes = len(dataset.labels)
    total = np.zeros((classes, classes), np.int64)
    in_trimaps = np.zeros((len(trimap_widths_px), classes, classes), np.int64)
    images: list[ImageScore] = []
    worst = _WorstImages(worst_count)
    # In a thread, while the model is busy.
    decoded = decoded_in_order(dataset.samples, partial(decode_sample, dataset), threads=1)
    for sample, (image_hwc, truth_hw) in zip(dataset.samples, decoded, strict=True):
        predicted_hw = predict(image_hwc)
        _check_prediction(predicted_hw, truth_hw, sample, dataset)
        confusion = _confusion(predicted_hw, truth_hw, classes)
        total += confusion
        if trimap_widths_px:
            in_trimaps += trimap_confusions(predicted_hw, truth_hw, classes, trimap_widths_px)
        scores = Scores(confusion)
        image = ImageScore(sample, scores.mean_iou, scores.pixel_accuracy)
        images.append(image)
        worst.add(image, predicted_hw)
        on_image()
    trimaps = tuple(
        TrimapScores(width_px, Scores(confusion))
        for width_px, confusion in zip(trimap_widths_px, in_trimaps, strict=True)
    )
    return Evaluation(dataset, Scores(total), tuple(images), worst.ranked(), trimaps)


def _confusion(predicted_hw: ClassMapHw, truth_hw: LabelHw, classes: int) -> npt.NDArray[np.int64]:
    """
    Return what training's confusion_matrix does, of ids in a byte.

    Not by PyTorch, whose threads take the cores from the engine: a sixth of all images a second.
    """
    pairs_hw = np.multiply(truth_hw, classes, dtype=np.uint16)
    pairs_hw += predicted_hw
    # IGNORED, and what is between, come behind the classes.
    counts = np.bincount(pairs_hw.ravel(), minlength=classes**2)
    return counts[: classes**2].reshape(classes, classes)


class _WorstImages:
    """The images with the lowest mean IoU so far, at most that many, and their class maps."""

    def __init__(self, most: int) -> None:
        # A heap whose first is the best of the worst; the number keeps class maps from comparison.
        self._heap: list[tuple[float, int, ImageScore, ClassMapHw]] = []
        self._number = count()
        self._most = max(0, most)

    def add(self, image: ImageScore, class_map_hw: ClassMapHw) -> None:
        if not np.isnan(image.mean_iou):
            heapq.heappush(self._heap, (-image.mean_iou, -next(self._number), image, class_map_hw))
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)

    def ranked(self) -> tuple[tuple[ImageScore, ClassMapHw], ...]:
        """Return them, the worst one first."""
        ranked = sorted(self._heap, reverse=True)
        return tuple((image, class_map_hw) for *_, image, class_map_hw in ranked)


def evenly_spaced(samples: tuple[_SampleT, ...], limit: int | None) -> tuple[_SampleT, ...]:
    """Return `limit` samples at even distances, always the same ones; all where it is None."""
    if limit is None or limit >= len(samples):
        return samples
    if limit < 1:
        raise ConfigError(f'limit is {limit}; expected 1 or more images')
    return tuple(samples[index * len(samples) // limit] for index in range(limit))


def check_classes(model_labels: LabelSet, labels: LabelSet, model: str) -> None:
    """
    Raise ConfigError unless a model's class ids mean what the data set's do.

    Names without meaning (LabelSet.generic), of a model that does not say, need the same number.
    """
    if len(model_labels) != len(labels):
        raise ConfigError(
            f"{model} tells {len(model_labels)} classes apart, '{labels.name}' has {len(labels)}; "
            'evaluate it on the data set that it was trained for'
        )
    if model_labels == LabelSet.generic(len(model_labels)):
        return
    for class_id, (came, wanted) in enumerate(zip(model_labels.names, labels.names, strict=True)):
        if came.casefold() != wanted.casefold():
            raise ConfigError(
                f"class {class_id} of {model} is '{came}', that of '{labels.name}' is '{wanted}'; "
                'evaluate it on the data set that it was trained for, or give --labels with the '
                "model's names if both mean the same"
            )


def _check_prediction(
    predicted_hw: ClassMapHw, truth_hw: ClassMapHw, sample: Sample, dataset: Dataset
) -> None:
    assert predicted_hw.shape == truth_hw.shape
    highest = int(predicted_hw.max(initial=0))
    if highest >= len(dataset.labels):
        raise ModelError(
            f'the model returned the class id {highest} for {sample.image}; {dataset.name} has '
            f'the ids 0 to {len(dataset.labels) - 1}'
        )
