# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Laser scan from a class map: how far the ground is free in each direction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
import math
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.pixel_bins import ids_of_groups, PixelBins, SampledValues
from rtformer_ros.segmentation import Segmentation, UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats, Indices
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.segmentation import UnseenPixels

_MAX_READINGS = 10_000
_MOST_BEARINGS = 2048
_MOST_STEPS = 1536
_POINTS_AT_ONCE = 1 << 16
# Where the ground comes into sight only so much farther than on the best bearing, as along the
# sides of the picture, a reading would call free what nobody has seen.
_BLIND_FACTOR = 2.0
# Up to so much farther than where a bearing's first ground is in sight, what is unseen is taken
# for the ragged edge of the robot's own hood; beyond it is a gap in the ground.
_EDGE_FACTOR = 1.5


@dataclass(frozen=True)
class ScanSettings:
    """
    Which bearings, and what counts as free.

    Bearings are angles in the base frame from its x axis, positive to the left; ranges are
    metres from its origin. free_groups: planner groups that one can drive on.
    min_confidence: 0..1; a less sure pixel is not free.
    """

    angle_min_rad: float = -math.pi / 4
    angle_max_rad: float = math.pi / 4
    angle_increment_rad: float = math.pi / 360
    range_min_m: float = 0.1
    range_max_m: float = 15.0
    free_groups: tuple[str, ...] = ('drivable',)
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        """Raise ConfigError for a scan without bearings or ranges."""
        if self.angle_increment_rad <= 0 or not 1 <= self.readings <= _MAX_READINGS:
            raise ConfigError(
                f'a scan from {self.angle_min_rad:g} to {self.angle_max_rad:g} rad in steps of '
                f'{self.angle_increment_rad:g} rad; expected 1 to {_MAX_READINGS} readings'
            )
        if not 0 <= self.range_min_m < self.range_max_m:
            raise ConfigError(
                f'a scan has ranges of {self.range_min_m:g} to {self.range_max_m:g} m; expected '
                '0 <= range_min < range_max'
            )

    @property
    def readings(self) -> int:
        """How many bearings there are, both ends included."""
        span_rad = self.angle_max_rad - self.angle_min_rad
        return math.floor(span_rad / self.angle_increment_rad + 1e-6) + 1

    def grouped(self, size: int) -> ScanSettings:
        """Return a scan with one reading for each `size` of these, as wide as those together."""
        increment_rad = size * self.angle_increment_rad
        first_rad = self.angle_min_rad + (size - 1) / 2 * self.angle_increment_rad
        last = -(-self.readings // size) - 1
        return replace(
            self,
            angle_min_rad=first_rad,
            angle_max_rad=first_rad + last * increment_rad,
            angle_increment_rad=increment_rad,
        )


class ScanProjection:
    """
    Projects class maps to ranges, for one calibration, pose, set of bearings and set of classes.

    Making one takes some 100 ms, using it some 2 ms. Not thread-safe: it reuses a buffer. What it
    takes is bounded: of a larger image, see GroundView.sampled, and of more readings than 2048
    some share the nearest range of theirs.

    A reading is the near edge of the nearest pixel in its bearing that is not free; every pixel
    that shows the ground within range counts for one reading at least. An obstacle that reaches
    down to the edge of the picture is reported at the nearest ground in sight. The ground nearer
    than that is not seen on any bearing; one on which it is hidden twice as far as on the best has
    no reading. Unseen pixels are as if they were not in the picture: they are no boundary, and
    beyond them nothing is called free.
    """

    def __init__(
        self,
        view: GroundView,
        settings: ScanSettings,
        group_by_id: Mapping[int, PlannerGroup],
        unseen: UnseenPixels | None = None,
    ) -> None:
        """
        Prepare which pixels lie in which bearing; ids without a group are not free.

        unseen: the same as of the class maps; raises GeometryError for another size.
        """
        self._readings = settings.readings
        self._group = -(-settings.readings // _MOST_BEARINGS)
        bearings, sampled = settings.grouped(self._group), view.sampled
        near_m = _near_edges(sampled)
        self._bins = _pixels_of_bearings(sampled, bearings, near_m)
        self._free_m = _ranges_without_boundary(sampled, bearings)
        if unseen is not None:
            is_seen_n = ~_unseen_samples(view, unseen)
            self._free_m[_gap_bins(self._bins, is_seen_n, near_m)] = np.nan
            self._bins = self._bins.only(is_seen_n)
        self._near_m = np.maximum(near_m[self._bins.pixels_n], np.float32(settings.range_min_m))
        is_free = np.repeat(ids_of_groups(group_by_id, settings.free_groups), 256).reshape(
            256, 256
        )
        is_free[:, np.arange(256) / 255 < settings.min_confidence] = False
        # Taken from a pixel's range: a free one gets out of the search for the nearest.
        table = np.where(is_free, -np.inf, 0.0).astype(np.float32).reshape(-1)
        self._bonus_m = SampledValues(view, table)
        self._blind_bins = _blind_bins(self._bins, self._near_m)
        self._free_m[self._blind_bins] = np.nan

    def ranges(self, segmentation: Segmentation) -> npt.NDArray[np.float32]:
        """
        Return one range a bearing in metres, float32 [readings], as sensor_msgs/LaserScan has it.

        inf: free up to range_max. NaN: no boundary, but the ground is not in sight up to
        range_max, or not at all, or only far away (REP 117: no measurement).
        Raises GeometryError for a class map of another size than the camera model's.
        """
        bonus_n = self._bonus_m.at(self._bins.pixels_n, segmentation)
        ranges_m = self._free_m.copy()
        if len(self._bins.bins_m):
            distance_m = np.subtract(self._near_m, bonus_n, out=bonus_n)
            nearest_m = np.minimum.reduceat(distance_m, self._bins.starts_m)
            is_reached = nearest_m < np.inf
            ranges_m[self._bins.bins_m[is_reached]] = nearest_m[is_reached]
            ranges_m[self._blind_bins] = np.nan
        return ranges_m.repeat(self._group)[: self._readings]


def _bearings(settings: ScanSettings) -> Floats:
    return settings.angle_min_rad + np.arange(settings.readings) * settings.angle_increment_rad


def _near_edges(view: GroundView) -> npt.NDArray[np.float32]:
    """
    Return the range of the near edge of every pixel in metres, row-major, float32 [H * W].

    1 / range is smooth over the image, and linear along a line of sight over flat ground.
    """
    inverse_hw = _ranges(view)
    with np.errstate(invalid='ignore', divide='ignore'):
        np.divide(1, inverse_hw, out=inverse_hw)
        if min(inverse_hw.shape) < 2:
            return 1 / inverse_hw.reshape(-1)
        change_hw, across_hw = np.gradient(inverse_hw)
    np.hypot(change_hw, across_hw, out=change_hw)
    np.nan_to_num(change_hw, copy=False, nan=0.0, posinf=0.0)
    near_m: npt.NDArray[np.float32] = 1 / (inverse_hw + change_hw / 2).reshape(-1)
    return near_m


def _ranges(view: GroundView) -> npt.NDArray[np.float32]:
    """Return how far away the ground is that each pixel shows, in metres, float32 [H, W]."""
    return np.hypot(view.points_hw2[..., 0], view.points_hw2[..., 1])


def _pixels_of_bearings(
    view: GroundView, settings: ScanSettings, near_m: npt.NDArray[np.float32]
) -> PixelBins:
    parts = chain(_bearings_of_pixels(view, settings, near_m), _along_bearings(view, settings))
    return PixelBins.of(parts, len(near_m))


def _bearings_of_pixels(
    view: GroundView, settings: ScanSettings, near_m: npt.NDArray[np.float32]
) -> Iterator[tuple[Indices, Indices]]:
    """Yield pixels within range with the reading that each is nearest to, -1 for none."""
    points_n2 = view.points_hw2.reshape(-1, 2)
    for start in range(0, len(near_m), _POINTS_AT_ONCE):
        with np.errstate(invalid='ignore'):
            is_near = near_m[start : start + _POINTS_AT_ONCE] <= settings.range_max_m
        pixels_n = start + np.flatnonzero(is_near)
        x_n, y_n = points_n2[pixels_n].astype(np.float64).T
        offset = (np.arctan2(y_n, x_n) - settings.angle_min_rad + math.pi) % (
            2 * math.pi
        ) - math.pi
        # An angle just under angle_min belongs to its reading; others are brought to 0 .. 2 pi.
        offset[offset < -settings.angle_increment_rad / 2] += 2 * math.pi
        bins_n = np.rint(offset / settings.angle_increment_rad).astype(np.intp)
        bins_n[bins_n >= settings.readings] = -1
        yield bins_n, pixels_n


def _along_bearings(view: GroundView, settings: ScanSettings) -> Iterator[tuple[Indices, Indices]]:
    """Yield bearings and the pixels along them, for readings narrower than a pixel."""
    nearest_m = float(np.nanmin(_ranges(view), initial=settings.range_max_m))
    # 1 / range grows about evenly down the image: this makes more than one step a pixel.
    steps = np.linspace(
        1 / settings.range_max_m,
        1 / max(nearest_m, settings.range_min_m),
        min(2 * view.camera.height, _MOST_STEPS),
    )
    bearings = _bearings(settings)
    directions_m2 = np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    at_once = max(1, _POINTS_AT_ONCE // len(steps))
    for start in range(0, settings.readings, at_once):
        some_m2 = directions_m2[start : start + at_once]
        points_n2 = (some_m2[:, np.newaxis] / steps[:, np.newaxis]).reshape(-1, 2)
        bins_n = np.repeat(np.arange(start, start + len(some_m2)), len(steps))
        yield bins_n, view.pixel_indices(points_n2)


def _ranges_without_boundary(view: GroundView, settings: ScanSettings) -> npt.NDArray[np.float32]:
    bearings = _bearings(settings)
    ends_n2 = settings.range_max_m * np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    is_in_sight = view.pixel_indices(ends_n2) >= 0
    return np.where(is_in_sight, np.inf, np.nan).astype(np.float32)


def _blind_bins(bins: PixelBins, near_m: npt.NDArray[np.float32]) -> Indices:
    """Return the bearings on which the ground comes into sight much too far away."""
    if not len(bins.bins_m):
        return np.zeros(0, np.intp)
    first_m = np.minimum.reduceat(near_m, bins.starts_m)
    blind_bins: Indices = bins.bins_m[first_m > _BLIND_FACTOR * first_m.min()]
    return blind_bins


def _unseen_samples(view: GroundView, unseen: UnseenPixels) -> npt.NDArray[np.bool_]:
    """Return which samples of the view hold a pixel that nobody looks at, bool [H * W]."""
    table = np.zeros((256, 256), np.bool_)
    table[UNLABELED_ID] = True
    samples = view.sampled.camera
    unseen_hw = unseen.unseen_hw
    is_unseen_n: npt.NDArray[np.bool_] = SampledValues(view, table.reshape(-1)).at(
        np.arange(samples.height * samples.width),
        Segmentation(unseen_hw, np.zeros_like(unseen_hw)),
    )
    return is_unseen_n


def _gap_bins(
    bins: PixelBins, is_seen_n: npt.NDArray[np.bool_], near_m: npt.NDArray[np.float32]
) -> Indices:
    """Return the bearings with ground that is not seen beyond some that is, or with none."""
    seen, unseen = bins.only(is_seen_n), bins.only(~is_seen_n)
    if not len(unseen.bins_m):
        return np.zeros(0, np.intp)
    first_m = np.full(int(bins.bins_m[-1]) + 1, -np.inf)
    if len(seen.bins_m):
        first_m[seen.bins_m] = np.minimum.reduceat(near_m[seen.pixels_n], seen.starts_m)
    last_m = np.maximum.reduceat(near_m[unseen.pixels_n], unseen.starts_m)
    gap_bins: Indices = unseen.bins_m[last_m > _EDGE_FACTOR * first_m[unseen.bins_m]]
    return gap_bins
