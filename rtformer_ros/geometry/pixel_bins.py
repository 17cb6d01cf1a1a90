# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pixel index by bin: sorted once, so that each further image is reduced by bin quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Indices
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.segmentation import Segmentation

_TILE_PIXELS = 1024


@dataclass(frozen=True)
class PixelBins:
    """
    Which pixels belong to which bin.

    pixels_n: row-major pixel indices, those of one bin side by side; a pixel may be in several
    bins. starts_m: where each bin begins in them; bins_m: its number. Bins without pixels are
    left out.
    """

    pixels_n: Indices
    starts_m: Indices
    bins_m: Indices

    @classmethod
    def of(cls, parts: Iterable[tuple[Indices, Indices]], pixel_count: int) -> PixelBins:
        """
        Sort pairs of a bin's number and a pixel; negative ones and repetitions are dropped.

        parts: the bins and the pixels of some pairs each, [N] and [N]; all are never there at
        once.
        """
        keys_n = np.concatenate([_keys(*part, pixel_count) for part in parts])
        # Pixels in ascending order within a bin, so that gathering walks through memory.
        keys_n.sort()
        keys_n = keys_n[np.diff(keys_n, prepend=-1) > 0]
        bins_n, pixels_n = np.divmod(keys_n, pixel_count)
        return cls._of_sorted(bins_n, pixels_n)

    @classmethod
    def _of_sorted(cls, bins_n: Indices, pixels_n: Indices) -> PixelBins:
        starts_m = np.flatnonzero(np.diff(bins_n, prepend=-1))
        return cls(pixels_n, starts_m, bins_n[starts_m])

    def only(self, is_kept_n: npt.NDArray[np.bool_]) -> PixelBins:
        """Return the index of those pixels alone for which it is True, bool [pixel_count]."""
        sizes_m = np.diff(self.starts_m, append=len(self.pixels_n))
        is_member = is_kept_n[self.pixels_n]
        bins_n = self.bins_m.repeat(sizes_m)[is_member]
        return self._of_sorted(bins_n, self.pixels_n[is_member])


def _keys(bins_n: Indices, pixels_n: Indices, pixel_count: int) -> npt.NDArray[np.int64]:
    is_kept = (bins_n >= 0) & (pixels_n >= 0)
    keys_n: npt.NDArray[np.int64] = np.unique(bins_n[is_kept] * pixel_count + pixels_n[is_kept])
    return keys_n


class SampledValues:
    """
    Values of class maps at the samples of a ground view; not thread-safe: it reuses a buffer.

    They are as many as the view's `sampled` has pixels. Where that is fewer than the class map
    has, a sample has the greatest value of the pixels in it, so that none is overlooked.
    """

    def __init__(self, view: GroundView, table: npt.NDArray[Any]) -> None:
        """Take the view, and the value by class id * 256 + confidence, [65536] of any type."""
        self._size = (view.camera.height, view.camera.width)
        self._table = table
        samples = view.sampled.camera
        self._rows = _Spans(view.camera.height, samples.height)
        self._columns = _Spans(view.camera.width, samples.width)
        self._is_whole = view.sampled is view
        kind = np.dtype(np.uint16) if self._is_whole else table.dtype
        self._samples_hw: npt.NDArray[Any] = np.zeros((samples.height, samples.width), kind)

    def at(self, samples_n: Indices, segmentation: Segmentation) -> npt.NDArray[Any]:
        """
        Return the values of samples by their row-major indices, [N], of the table's type.

        Raises GeometryError for a class map of another size than the view's camera has.
        """
        class_map_hw, confidence_hw = segmentation.class_map_hw, segmentation.confidence_hw
        if class_map_hw.shape != self._size or confidence_hw.shape != self._size:
            raise GeometryError(
                f'the class map has the shape {list(class_map_hw.shape)} and the confidence '
                f'{list(confidence_hw.shape)}; expected {list(self._size)} for both, as the '
                'calibration was scaled to'
            )
        if self._is_whole:
            # Values of the samples that are asked for alone: this is every frame's way.
            _codes(class_map_hw, confidence_hw, self._samples_hw)
            return self._table.take(self._samples_hw.take(samples_n))
        for rows in self._rows.tiles():
            for columns in self._columns.tiles():
                tile = (self._rows.pixels(rows), self._columns.pixels(columns))
                values_hw = self._table.take(_codes(class_map_hw[tile], confidence_hw[tile]))
                values_hw = self._rows.greatest(values_hw, rows, axis=0)
                values_hw = self._columns.greatest(values_hw, columns, axis=1)
                self._samples_hw[rows, columns] = values_hw
        return self._samples_hw.take(samples_n)


def _codes(
    class_map_hw: npt.NDArray[np.uint8],
    confidence_hw: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint16] | None = None,
) -> npt.NDArray[np.uint16]:
    """Return class id * 256 + confidence, uint16 [H, W], written to `out` where given."""
    codes_hw: npt.NDArray[np.uint16] = np.left_shift(class_map_hw, 8, out=out, dtype=np.uint16)
    codes_hw |= confidence_hw
    return codes_hw


class _Spans:
    """Which pixels of a row or column belong to which sample; at least one does to each."""

    def __init__(self, pixels: int, samples: int) -> None:
        self._starts = np.arange(samples + 1) * pixels // samples
        self._most = int(np.diff(self._starts).max())
        self._tile = max(1, _TILE_PIXELS // self._most)

    def tiles(self) -> Iterator[slice]:
        """Yield slices of samples that hold no more pixels than need be at once."""
        samples = len(self._starts) - 1
        for first in range(0, samples, self._tile):
            yield slice(first, min(first + self._tile, samples))

    def pixels(self, samples: slice) -> slice:
        """Return the pixels of these samples."""
        return slice(int(self._starts[samples.start]), int(self._starts[samples.stop]))

    def greatest(self, values_hw: npt.NDArray[Any], samples: slice, axis: int) -> npt.NDArray[Any]:
        """Return the greatest value of each sample, of values of the pixels of `samples`."""
        if self._most == 1:
            return values_hw
        starts = self._starts[samples.start : samples.stop + 1] - self._starts[samples.start]
        found: npt.NDArray[Any] = values_hw.take(starts[:-1], axis=axis)
        for place in range(1, self._most):
            others = np.minimum(starts[:-1] + place, starts[1:] - 1)
            np.maximum(found, values_hw.take(others, axis=axis), out=found)
        return found


def ids_of_groups(
    group_by_id: Mapping[int, PlannerGroup], groups: Collection[str]
) -> npt.NDArray[np.bool_]:
    """Return for every id whether its class is in one of these planner groups, bool [256]."""
    is_member = np.zeros(256, np.bool_)
    is_member[[class_id for class_id, group in group_by_id.items() if group in groups]] = True
    return is_member
