# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Temporal smoothing: an exponential average of classes over frames, against flicker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.segmentation import Segmentation

if TYPE_CHECKING:
    import numpy.typing as npt

# Grey levels by which a blurred pixel changes when something moves there; noise stays below.
_MOTION_LEVELS = 10
_BLUR_PX = 5
_MOTION_MARGIN_PX = 9
_CUT_SHARE = 0.7
_MAX_GAP_S = 2.0


class TemporalSmoother:
    """
    Exponential moving average of the classes of one camera, kept at the network's size.

    Each pixel's confidences are averaged, and the class with the highest average wins. Kept are a
    pixel's two strongest classes, which is the full average as long as no third one interferes,
    at a cost that does not grow with the number of classes. Where the image itself changed the
    past counts for nothing, so that what moves leaves no ghost behind; after a cut, a pause or a
    jump back in time nothing of the past counts anywhere.
    """

    def __init__(self, share: float) -> None:
        """Take the share of the past in each average, 0 to below 1; 0.8 averages 5 frames."""
        self._share = np.float32(share)
        self._stamp_s: float | None = None
        self._gray_hw: npt.NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._classes = (np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8))
        self._scores = (np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))

    @property
    def share(self) -> float:
        """Return the share of the past."""
        return float(self._share)

    def smooth(
        self, image_hwc: npt.NDArray[np.uint8], result: Segmentation, stamp_s: float
    ) -> Segmentation:
        """
        Add a frame and return the averaged classes and confidences.

        image_hwc: what the network saw, RGB, uint8 [H, W, 3], of the result's size; stamp_s: when,
        in seconds. The result is not changed, and what is returned is the caller's.
        """
        gray_hw = np.asarray(
            cv2.blur(cv2.cvtColor(image_hwc, cv2.COLOR_RGB2GRAY), (_BLUR_PX, _BLUR_PX)), np.uint8
        )
        moved_hw = self._moved(gray_hw, stamp_s)
        self._gray_hw, self._stamp_s = gray_hw, stamp_s
        if moved_hw is None:
            self._begin(result)
        else:
            self._add(result, moved_hw)
        # Rounded to the nearest.
        confidence_hw = np.asarray(cv2.convertScaleAbs(self._scores[0]), np.uint8)
        return Segmentation(self._classes[0].copy(), confidence_hw)

    def _moved(
        self, gray_hw: npt.NDArray[np.uint8], stamp_s: float
    ) -> npt.NDArray[np.uint8] | None:
        """Return 1 where the image changed, else 0; None where the past is of another scene."""
        if self._stamp_s is None or self._gray_hw.shape != gray_hw.shape:
            return None
        if not 0.0 <= stamp_s - self._stamp_s <= _MAX_GAP_S:
            return None
        change_hw = (cv2.absdiff(gray_hw, self._gray_hw) > _MOTION_LEVELS).astype(np.uint8)
        if change_hw.mean() > _CUT_SHARE:
            return None
        margin = np.ones((_MOTION_MARGIN_PX, _MOTION_MARGIN_PX), np.uint8)
        return np.asarray(cv2.dilate(change_hw, margin), np.uint8)

    def _begin(self, result: Segmentation) -> None:
        self._classes = (result.class_map_hw.copy(), result.class_map_hw.copy())
        score_hw = result.confidence_hw.astype(np.float32)
        self._scores = (score_hw, np.zeros_like(score_hw))

    def _add(self, result: Segmentation, moved_hw: npt.NDArray[np.uint8]) -> None:
        # OpenCV's masked operations throughout: NumPy's take several times as long.
        (first, second), (first_score, second_score) = self._classes, self._scores
        seen = result.class_map_hw
        gain = np.multiply(result.confidence_hw, 1 - self._share, dtype=np.float32)
        first_score *= self._share
        second_score *= self._share
        is_first = cv2.compare(seen, first, cv2.CMP_EQ)
        cv2.add(first_score, gain, dst=first_score, mask=is_first)
        # The runner-up grows by the same class, and gives way to another that outweighs it.
        is_other = cv2.bitwise_not(is_first)
        is_second = cv2.bitwise_and(cv2.compare(seen, second, cv2.CMP_EQ), is_other)
        outweighs = cv2.bitwise_and(cv2.compare(gain, second_score, cv2.CMP_GT), is_other)
        cv2.add(second_score, gain, dst=second_score, mask=is_second)
        takes_over = cv2.bitwise_and(outweighs, cv2.bitwise_not(is_second))
        cv2.copyTo(seen, takes_over, second)
        cv2.copyTo(gain, takes_over, second_score)
        self._sort()
        cv2.copyTo(seen, moved_hw, self._classes[0])
        cv2.copyTo(result.confidence_hw.astype(np.float32), moved_hw, self._scores[0])
        np.copyto(self._scores[1], 0, where=moved_hw.view(np.bool_))

    def _sort(self) -> None:
        """Exchange the two classes wherever the second has the higher score."""
        (first, second), (first_score, second_score) = self._classes, self._scores
        overtaken = cv2.compare(second_score, first_score, cv2.CMP_GT)
        before = first.copy()
        cv2.copyTo(second, overtaken, first)
        cv2.copyTo(before, overtaken, second)
        self._scores = (
            np.maximum(first_score, second_score),
            np.minimum(first_score, second_score),
        )
