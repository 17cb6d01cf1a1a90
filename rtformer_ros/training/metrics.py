# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Score class maps against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rtformer_ros.training.datasets.dataset import IGNORED
import torch
from torch import Tensor

SCORE_TITLES = {
    'mean_iou': 'mIoU',
    'pixel_accuracy': 'pixel accuracy',
    'top_1': 'top-1',
    'top_5': 'top-5',
}
"""What people call the scores of a summary."""


class ValidationScores(Protocol):
    """
    Scores of a network on validation images, 0..1, NaN where there is nothing to score.

    summary: over all classes, by the names in SCORE_TITLES; the first one decides which weights
    are the best. class_score: what is scored by class; by_class: float [classes].
    """

    @property
    def summary(self) -> dict[str, float]:
        """Return the scores over all classes."""
        ...

    @property
    def class_score(self) -> str:
        """Return the name of the score by class."""
        ...

    @property
    def by_class(self) -> npt.NDArray[np.float64]:
        """Return the score of each class."""
        ...


def confusion_matrix(predicted: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """
    Return how many pixels of each true class (rows) were taken for each class (columns).

    predicted, truth: integer tensors of one shape; pixels whose truth is IGNORED do not count.
    Returns int64 [num_classes, num_classes].
    """
    # IGNORED has a row of its own, behind the classes': to pick pixels takes ten times as long.
    pairs = truth.flatten().int() * num_classes + predicted.flatten().int()
    counts = torch.bincount(pairs, minlength=(IGNORED + 1) * num_classes)
    counted = num_classes**2
    assert not counts[counted : IGNORED * num_classes].any(), 'the truth has other classes'
    return counts[:counted].reshape(num_classes, num_classes)


@dataclass(frozen=True)
class Scores:
    """
    What a confusion matrix (true classes in rows) says.

    iou: intersection over union of each class, 0..1, NaN for a class that neither the truth nor
    the prediction has. mean_iou: over the classes that are not NaN. pixel_accuracy: share of
    right pixels.
    """

    confusion: npt.NDArray[np.int64]
    class_score: str = 'iou'

    @property
    def summary(self) -> dict[str, float]:
        """Mean IoU, which decides, and pixel accuracy."""
        return {'mean_iou': self.mean_iou, 'pixel_accuracy': self.pixel_accuracy}

    @property
    def by_class(self) -> npt.NDArray[np.float64]:
        """Intersection over union by class."""
        return self.iou

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union by class."""
        right = np.diag(self.confusion).astype(np.float64)
        union = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - right
        return np.divide(right, union, out=np.full_like(right, np.nan), where=union > 0)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that occur; NaN where none does."""
        iou = self.iou
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else float('nan')

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right; NaN where there are none."""
        total = int(self.confusion.sum())
        return float(np.trace(self.confusion)) / total if total else float('nan')


@dataclass(frozen=True)
class ClassificationScores:
    """
    What is said of images as a whole: which class is the likeliest, and which are the first five.

    confusion: int64 [c, c], images of each true class (rows) by their likeliest class (columns);
    right_in_5: int64 [c], images of each true class that is among the five likeliest.
    """

    confusion: npt.NDArray[np.int64]
    right_in_5: npt.NDArray[np.int64]
    class_score: str = 'top_1'

    @property
    def summary(self) -> dict[str, float]:
        """Share of all images that are right at once, which decides, and among the first five."""
        count = int(self.confusion.sum())
        right = {'top_1': np.trace(self.confusion), 'top_5': self.right_in_5.sum()}
        return {name: int(hits) / count if count else float('nan') for name, hits in right.items()}

    @property
    def by_class(self) -> npt.NDArray[np.float64]:
        """Share of each class's images that are right at once."""
        return self._shares(np.diag(self.confusion))

    @property
    def top_5_by_class(self) -> npt.NDArray[np.float64]:
        """Share of each class's images that are right among the first five."""
        return self._shares(self.right_in_5)

    def _shares(self, hits: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        counts = self.confusion.sum(axis=1)
        empty = np.full(len(counts), np.nan)
        return np.divide(hits, counts, out=empty, where=counts > 0)


def count_right_in_5(logits: Tensor, truth: Tensor) -> Tensor:
    """
    Return how many images of each class have it among their five highest logits, int64 [c].

    logits: float [n, c], where c may be below five, too; truth: int64 [n].
    """
    classes = logits.shape[1]
    first = logits.topk(min(5, classes), dim=1).indices
    is_right = (first == truth[:, None]).any(dim=1)
    return torch.bincount(truth[is_right], minlength=classes)
