# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Sampling tables: which pixels of a frame make each pixel of the network's image, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
import math
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.imaging.resize import enlarge

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.imaging.resize import Placement, Size


@dataclass(frozen=True)
class Taps:
    """
    Pixels of a row or column of a frame whose weighted sum is a pixel of the network's image.

    indices: int32 [taps, length]; weights: float32 [taps, length], which sum to 1, or to 0 where
    the network's image has a bar.
    """

    indices: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FrameSampling:
    """
    The way from frames of one size to the network's image, and from its classes to the mask.

    Equal to itself alone; frame_sampling keeps those that are used.
    rows, columns: of the frame. mask_rows, mask_columns: int32 [mask height], [mask width], the
    row and the column of the network's class map that each of the mask repeats.
    """

    rows: Taps
    columns: Taps
    mask_rows: npt.NDArray[np.int32]
    mask_columns: npt.NDArray[np.int32]


@lru_cache(maxsize=8)
def frame_sampling(source: Size, placement: Placement, mask: Size) -> FrameSampling:
    """
    Return the tables for frames of the size `source` and masks of the size `mask`.

    They compute what imaging.resize does in to_network and from_network; the first of these rounds
    between its steps, by which pixels differ by one grey level, seldom two.
    """
    halvings = _halvings(source, placement)
    factor = 1 << halvings
    rows, columns = source[0] // factor, source[1] // factor
    is_area = rows >= 2 * placement.height and columns >= 2 * placement.width
    vertical = _taps(rows, placement.height, factor, is_area=is_area)
    horizontal = _taps(columns, placement.width, factor, is_area=is_area)
    return FrameSampling(
        _with_bars(vertical, placement.top, placement.network_height),
        _with_bars(horizontal, placement.left, placement.network_width),
        placement.top + _nearest(placement.height, mask[0]),
        placement.left + _nearest(placement.width, mask[1]),
    )


def _halvings(source: Size, placement: Placement) -> int:
    """Return how often 2 x 2 pixels are averaged, as often as to_network does it."""
    height, width = source
    count = 0
    while (
        height >= 2 * placement.height
        and width >= 2 * placement.width
        and not (height % 2 or width % 2)
    ):
        height, width, count = height // 2, width // 2, count + 1
    return count


def _taps(source: int, target: int, factor: int, *, is_area: bool) -> Taps:
    """
    Return the taps of a resize from `source` to `target` pixels.

    factor: how many pixels of the frame were averaged to each of `source`. is_area: pixels are
    averaged by the share of them that is covered, else bilinear with half-pixel centres.
    """
    indices, weights = (_area if is_area else _linear)(source, target)
    offsets = np.arange(factor)[:, np.newaxis]
    spread = (indices[:, np.newaxis] * factor + offsets).reshape(-1, target)
    shares = np.repeat(weights / factor, factor, axis=0)
    used = shares.any(axis=1)
    return Taps(spread[used].astype(np.int32), shares[used].astype(np.float32))


def _linear(source: int, target: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    position = (np.arange(target) + 0.5) * source / target - 0.5
    position = np.clip(position, 0, source - 1)
    first = np.floor(position).astype(np.int64)
    share = position - first
    return np.stack([first, np.minimum(first + 1, source - 1)]), np.stack([1 - share, share])


def _area(source: int, target: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    scale = source / target
    start = np.arange(target) * scale
    end = np.minimum(start + scale, source)
    indices = np.floor(start) + np.arange(math.ceil(scale) + 1)[:, np.newaxis]
    covered = np.minimum(indices + 1, end) - np.maximum(indices, start)
    weights = np.maximum(covered, 0) / (end - start)
    # What is left of a pixel by rounding alone is none of its area.
    weights[weights < 1e-9] = 0
    return np.minimum(indices, source - 1).astype(np.int64), weights


def _with_bars(taps: Taps, start: int, length: int) -> Taps:
    count, content = taps.indices.shape
    indices = np.zeros((count, length), np.int32)
    weights = np.zeros((count, length), np.float32)
    indices[:, start : start + content] = taps.indices
    weights[:, start : start + content] = taps.weights
    return Taps(indices, weights)


def _nearest(source: int, target: int) -> npt.NDArray[np.int32]:
    """Return which of `source` pixels `enlarge` takes for each of `target`."""
    # Bytes are what it takes: two of them hold a number.
    numbers = np.arange(source)
    halves = [
        enlarge(byte.astype(np.uint8)[:, np.newaxis], np.empty((target, 1), np.uint8))
        for byte in (numbers & 255, numbers >> 8)
    ]
    low, high = (half[:, 0].astype(np.int32) for half in halves)
    return low + 256 * high
