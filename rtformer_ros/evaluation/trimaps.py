# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Score class maps near the borders between classes, where a mean over all pixels says little.

The measure is the mean IoU within a trimap, a narrow band around the borders of the truth (as
Krähenbühl and Koltun use it, arXiv 1210.5644). It is not the measure that is called boundary
IoU (arXiv 2103.16562), which compares the contours of single objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.metrics import Scores

TRIMAP_WIDTHS_PX = (1, 3, 5, 9)


@dataclass(frozen=True)
class TrimapScores:
    """The scores of the pixels within `width_px` pixels of a border between classes."""

    width_px: int
    scores: Scores


def trimap(truth_hw: npt.NDArray[np.uint8], width_px: int) -> npt.NDArray[np.bool_]:
    """
    Return which pixels have another class at most so many pixels away, bool [h, w].

    truth_hw: class ids, uint8 [h, w]. Distance counts rows and columns alike, diagonals too
    (Chebyshev's): a straight border has `width_px` pixels on each side. Pixels that are IGNORED
    are in no trimap and are no class, but are looked across; an image ends without a border.
    """
    window = np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8)
    is_class = truth_hw != IGNORED
    # IGNORED is the greatest id: it never is the least of a window.
    least = cv2.erode(truth_hw, window)
    greatest = cv2.dilate(np.where(is_class, truth_hw, 0).astype(np.uint8), window)
    differs: npt.NDArray[np.bool_] = (least != greatest) & is_class
    return differs


def trimap_confusions(
    predicted_hw: npt.NDArray[np.uint8],
    truth_hw: npt.NDArray[np.uint8],
    num_classes: int,
    widths_px: Sequence[int],
) -> npt.NDArray[np.int64]:
    """
    Return a confusion matrix, as confusion_matrix does, for the trimap of each width.

    predicted_hw, truth_hw: class ids, uint8 [h, w]; widths_px: ascending. Returns int64
    [widths, num_classes, num_classes].
    """
    shape = (len(widths_px), num_classes, num_classes)
    # A wider trimap holds a narrower one, so that each pixel needs to be counted once.
    bands = np.full(truth_hw.shape, len(widths_px), np.uint8)
    for index in reversed(range(len(widths_px))):
        bands[trimap(truth_hw, widths_px[index])] = index
    counts = bands < len(widths_px)
    places = np.ravel_multi_index((bands[counts], truth_hw[counts], predicted_hw[counts]), shape)
    counted = np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)
    return counted.cumsum(axis=0, dtype=np.int64)
