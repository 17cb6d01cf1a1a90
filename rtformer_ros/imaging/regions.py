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
    from collections.abc import Collection, Iterator

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
    height, width = class_map_hw.shape
    stride = _stride(class_map_hw)
    class_map_hw = np.ascontiguousarray(class_map_hw[::stride, ::stride])
    confidence_hw = confidence_hw[::stride, ::stride]
    counts = cv2.calcHist([class_map_hw], [0], None, [256], [0, 256]).ravel()
    least = max(1.0, min_area_px / stride**2)
    found: list[_Component] = []
    for class_id in sorted(class_ids):
        if counts[class_id] >= least:
            found += _components(class_map_hw, class_id, least)
    found.sort(key=lambda each: -each.area)
    regions = tuple(
        _region(each, confidence_hw, stride, (height, width)) for each in found[:max_count]
    )
    return Regions(regions, max(0, len(found) - max_count), stride)


@dataclass(frozen=True)
class _Component:
    """
    Connected pixels of one class; all in units of the pixels that are looked at.

    labels_hw: uint16, of the part of the picture whose corner is (left, top); stats: the row of
    this label, as OpenCV has it; x and y there count from that corner.
    """

    class_id: int
    label: int
    stats: list[int]
    centroid: tuple[float, float]
    left: int
    top: int
    labels_hw: npt.NDArray[np.uint16]

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return self.stats[cv2.CC_STAT_AREA]

    def mask(self) -> npt.NDArray[np.uint8]:
        """Return 1 for its pixels, 0 for others, in its box."""
        x, y, width, height, _ = self.stats
        is_in_hw: npt.NDArray[np.bool_] = (
            self.labels_hw[y : y + height, x : x + width] == self.label
        )
        return is_in_hw.view(np.uint8)


def _components(
    class_map_hw: npt.NDArray[np.uint8], class_id: int, least: float
) -> Iterator[_Component]:
    is_class_hw = (class_map_hw == class_id).view(np.uint8)
    # Labelling takes time by the pixels, and most classes are in a part of the picture.
    left, top, width, height = cv2.boundingRect(is_class_hw)
    part_hw = is_class_hw[top : top + height, left : left + width]
    # 16 bits hold as many labels as there may be in so few pixels.
    _, labels_hw, stats, centroids = cv2.connectedComponentsWithStats(part_hw, ltype=cv2.CV_16U)
    for label in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= least):
        x, y = centroids[label].tolist()
        row = stats[label].tolist()
        yield _Component(
            class_id, int(label), row, (x + left, y + top), left, top, labels_hw.view(np.uint16)
        )


def _stride(class_map_hw: npt.NDArray[np.uint8]) -> int:
    stride = max(1, math.ceil(math.sqrt(class_map_hw.size / _MOST_PIXELS)))
    sparse_hw = class_map_hw[::stride, ::stride]
    runs = np.count_nonzero(sparse_hw[:, 1:] != sparse_hw[:, :-1])
    return stride * max(1, math.ceil(math.sqrt(runs / _MOST_RUNS)))


def _region(
    component: _Component,
    confidence_hw: npt.NDArray[np.uint8],
    stride: int,
    size: tuple[int, int],
) -> ClassRegion:
    """Return what is told of a component; size: height and width of the whole class map."""
    is_region_hw = component.mask()
    height, width = is_region_hw.shape
    x = component.left + component.stats[cv2.CC_STAT_LEFT]
    y = component.top + component.stats[cv2.CC_STAT_TOP]
    confidence_hw = np.ascontiguousarray(confidence_hw[y : y + height, x : x + width])
    # Beyond the last row and column that were looked at the picture may be over.
    right, bottom = min((x + width) * stride, size[1]), min((y + height) * stride, size[0])
    center_x, center_y = component.centroid
    return ClassRegion(
        component.class_id,
        cv2.mean(confidence_hw, is_region_hw)[0] / 255,
        (x * stride, y * stride, right - x * stride, bottom - y * stride),
        component.area * stride**2,
        (_centre(center_x, stride, size[1]), _centre(center_y, stride, size[0])),
        (_contour(is_region_hw) + np.array([x, y], np.int32)) * stride,
        (_samples(is_region_hw) + np.array([y, x])) * stride,
    )


def _centre(value: float, stride: int, length: int) -> float:
    """Return where the middle of the pixels is for which those that were looked at stand."""
    return min(value * stride + (stride - 1) / 2, length - 1.0)


def _samples(is_region_hw: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return row and column of up to 1024 pixels, spread evenly, int [N, 2]; at least one."""
    step = max(1, math.ceil(math.sqrt(is_region_hw.size / _MOST_SAMPLES)))
    places = np.argwhere(is_region_hw[::step, ::step]) * step
    # One that is thin may lie between them.
    return places if len(places) else np.argwhere(is_region_hw)[:_MOST_SAMPLES]


def _contour(is_region_hw: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return the outline with at most _MOST_CORNERS corners, int32 [N, 2]."""
    outlines, _ = cv2.findContours(is_region_hw, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=len)
    tolerance_px = _LEAST_TOLERANCE_PX
    corners = cv2.approxPolyDP(outline, tolerance_px, closed=True)
    while len(corners) > _MOST_CORNERS:
        tolerance_px *= 2
        corners = cv2.approxPolyDP(outline, tolerance_px, closed=True)
    return np.asarray(corners, np.int32).reshape(-1, 2)
