# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Connected regions of chosen classes in a class map, in bounded time and number."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

_MOST_PIXELS = 320 * 240
# Where neighbours in a row differ more often than this, every n-th pixel is looked at: labelling
# takes time by the number of runs.
_MOST_RUNS = 20_000
_MOST_CORNERS = 32
_MOST_SAMPLES = 1024
_LEAST_TOLERANCE_PX = 1.5


@dataclass(frozen=True)
class ClassRegion:
    """
    Connected pixels (8 neighbours) of one class; lengths in pixels of the class map.

    confidence: mean, 0..1. box: x, y, width, height. area: pixels. centroid: x, y of the mean
    pixel. contour_n2: int32 [N, 2], x and y of the outline's corners, at most 32; holes are not
    in it. samples_n2: int [N, 2], row and column of up to 1024 pixels of it, spread evenly.
    """

    class_id: int
    confidence: float
    box: tuple[int, int, int, int]
    area: int
    centroid: tuple[float, float]
    contour_n2: npt.NDArray[np.int32]
    samples_n2: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Regions:
    """
    Regions by falling area; `omitted`: how many more were large enough.

    stride: every stride-th row and column was looked at, 1 but for large or noisy class maps;
    areas and lengths are multiples of it.
    """

    regions: tuple[ClassRegion, ...]
    omitted: int
    stride: int


def find_regions(
    class_map_hw: npt.NDArray[np.uint8],
    confidence_hw: npt.NDArray[np.uint8],
    class_ids: Collection[int],
    min_area_px: float,
    max_count: int,
) -> Regions:
    """
    Return the largest regions of these classes, of at least min_area_px pixels each.

    class_map_hw, confidence_hw: uint8 [H, W], confidence as probability x 255.
    """
    stride = _stride(class_map_hw)
    class_map_hw = np.ascontiguousarray(class_map_hw[::stride, ::stride])
    confidence_hw = confidence_hw[::stride, ::stride]
    counts = cv2.calcHist([class_map_hw], [0], None, [256], [0, 256]).ravel()
    least = max(1.0, min_area_px / stride**2)
    found = []
    for class_id in sorted(class_ids):
        if counts[class_id] < least:
            continue
        is_class_hw = (class_map_hw == class_id).view(np.uint8)
        _, labels_hw, stats, centroids = cv2.connectedComponentsWithStats(is_class_hw)
        areas = stats[:, cv2.CC_STAT_AREA]
        large = 1 + np.flatnonzero(areas[1:] >= least)
        found += [(class_id, int(n), labels_hw, stats[n], centroids[n]) for n in large]
    found.sort(key=lambda each: -int(each[3][cv2.CC_STAT_AREA]))
    regions = tuple(_region(*each, confidence_hw, stride) for each in found[:max_count])
    return Regions(regions, max(0, len(found) - max_count), stride)


def _stride(class_map_hw: npt.NDArray[np.uint8]) -> int:
    stride = max(1, math.ceil(math.sqrt(class_map_hw.size / _MOST_PIXELS)))
    sparse_hw = class_map_hw[::stride, ::stride]
    runs = np.count_nonzero(sparse_hw[:, 1:] != sparse_hw[:, :-1])
    return stride * max(1, math.ceil(math.sqrt(runs / _MOST_RUNS)))


def _region(
    class_id: int,
    label: int,
    labels_hw: npt.NDArray[np.int32],
    stats: npt.NDArray[np.int32],
    centroid: npt.NDArray[np.float64],
    confidence_hw: npt.NDArray[np.uint8],
    stride: int,
) -> ClassRegion:
    x, y, width, height, area = (int(value) for value in stats)
    inside = (slice(y, y + height), slice(x, x + width))
    is_region_hw = (labels_hw[inside] == label).view(np.uint8)
    mean = cv2.mean(np.ascontiguousarray(confidence_hw[inside]), is_region_hw)[0]
    places = np.flatnonzero(is_region_hw)[:: max(1, math.ceil(area / _MOST_SAMPLES))]
    rows, columns = np.unravel_index(places, is_region_hw.shape)
    return ClassRegion(
        class_id,
        mean / 255,
        (x * stride, y * stride, width * stride, height * stride),
        area * stride**2,
        (float(centroid[0]) * stride, float(centroid[1]) * stride),
        (_contour(is_region_hw) + np.array([x, y], np.int32)) * stride,
        np.stack([rows + y, columns + x], axis=1) * stride,
    )


def _contour(is_region_hw: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return the outline with at most _MOST_CORNERS corners, int32 [N, 2]."""
    outlines, _ = cv2.findContours(is_region_hw, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=len)
    tolerance_px = _LEAST_TOLERANCE_PX
    corners = cv2.approxPolyDP(outline, tolerance_px, closed=True)
    while len(corners) > _MOST_CORNERS:
        tolerance_px *= 2
        corners = cv2.approxPolyDP(corners, tolerance_px, closed=True)
    return np.asarray(corners, np.int32).reshape(-1, 2)
