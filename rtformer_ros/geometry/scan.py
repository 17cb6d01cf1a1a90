"""Laser scan from a class map: how far the ground is free in each direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.pixel_bins import PixelBins, class_codes, ids_of_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from rtformer_ros.geometry.arrays import Floats, Indices
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.segmentation import Segmentation

_MAX_READINGS = 10_000
# Where the ground comes into sight only so much farther than on the best bearing, as along the
# sides of the picture, a reading would call free what nobody has seen.
_BLIND_FACTOR = 2.0


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


class ScanProjection:
    """
    Projects class maps to ranges, for one calibration, pose, set of bearings and set of classes.

    Making one takes some 100 ms, using it some 2 ms. Not thread-safe: it reuses a buffer.

    A reading is the near edge of the nearest pixel in its bearing that is not free; every pixel
    that shows the ground within range counts for one reading at least. An obstacle that reaches
    down to the edge of the picture is reported at the nearest ground in sight. The ground nearer
    than that is not seen on any bearing; one on which it is hidden twice as far as on the best has
    no reading.
    """

    def __init__(
        self, view: GroundView, settings: ScanSettings, group_by_id: Mapping[int, PlannerGroup]
    ) -> None:
        """Prepare which pixels lie in which bearing; ids without a group are not free."""
        self._size = (view.camera.height, view.camera.width)
        self._codes = np.empty(view.camera.height * view.camera.width, np.uint16)
        near_m = _near_edges(view)
        self._bins = _pixels_of_bearings(view, settings, near_m)
        self._near_m = np.maximum(near_m[self._bins.pixels_n], settings.range_min_m).astype(
            np.float32
        )
        is_free = np.repeat(ids_of_groups(group_by_id, settings.free_groups), 256).reshape(256, 256)
        is_free[:, np.arange(256) / 255 < settings.min_confidence] = False
        # Added to a pixel's range: infinity takes a free one out of the search for the nearest.
        self._penalty = np.where(is_free, np.inf, 0.0).astype(np.float32).reshape(-1)
        self._free_m = _ranges_without_boundary(view, settings)
        self._blind_bins = _blind_bins(self._bins, self._near_m)
        self._free_m[self._blind_bins] = np.nan

    def ranges(self, segmentation: Segmentation) -> npt.NDArray[np.float32]:
        """
        Return one range a bearing in metres, float32 [readings], as sensor_msgs/LaserScan has it.

        inf: free up to range_max. NaN: no boundary, but the ground is not in sight up to
        range_max, or not at all, or only far away (REP 117: no measurement).
        Raises GeometryError for a class map of another size than the camera model's.
        """
        codes = class_codes(segmentation, self._size, self._codes)
        ranges_m = self._free_m.copy()
        if len(self._bins.bins_m):
            distance_m = self._penalty.take(codes.take(self._bins.pixels_n))
            distance_m += self._near_m
            nearest_m = np.minimum.reduceat(distance_m, self._bins.starts_m)
            is_boundary = nearest_m < np.inf
            ranges_m[self._bins.bins_m[is_boundary]] = nearest_m[is_boundary]
            ranges_m[self._blind_bins] = np.nan
        return ranges_m


def _bearings(settings: ScanSettings) -> Floats:
    return settings.angle_min_rad + np.arange(settings.readings) * settings.angle_increment_rad


def _near_edges(view: GroundView) -> Floats:
    """
    Return the range of the near edge of every pixel in metres, row-major, float64 [H * W].

    1 / range is smooth over the image, and linear along a line of sight over flat ground.
    """
    with np.errstate(invalid='ignore', divide='ignore'):
        inverse_hw = 1 / np.hypot(view.points_hw2[..., 0], view.points_hw2[..., 1])
    if min(inverse_hw.shape) < 2:
        return 1 / inverse_hw.ravel()
    down, across = np.gradient(inverse_hw)
    change = np.nan_to_num(np.hypot(down, across), nan=0.0, posinf=0.0)
    near_m: Floats = (1 / (inverse_hw + change / 2)).ravel()
    return near_m


def _pixels_of_bearings(view: GroundView, settings: ScanSettings, near_m: Floats) -> PixelBins:
    points_n2 = view.points_hw2.reshape(-1, 2)
    with np.errstate(invalid='ignore'):
        pixels_n = np.flatnonzero(near_m <= settings.range_max_m)
    bearing = np.arctan2(points_n2[pixels_n, 1], points_n2[pixels_n, 0])
    offset = (bearing - settings.angle_min_rad + math.pi) % (2 * math.pi) - math.pi
    # An angle just under angle_min belongs to its reading; others are brought to 0 .. 2 pi.
    offset[offset < -settings.angle_increment_rad / 2] += 2 * math.pi
    bins_n = np.rint(offset / settings.angle_increment_rad).astype(np.intp)
    bins_n[bins_n >= settings.readings] = -1
    more_bins_n, more_pixels_n = _pixels_along_bearings(view, settings)
    return PixelBins.of(
        np.concatenate([bins_n, more_bins_n]), np.concatenate([pixels_n, more_pixels_n])
    )


def _pixels_along_bearings(view: GroundView, settings: ScanSettings) -> tuple[Indices, Indices]:
    """Return bearings and the pixels along them, for readings narrower than a pixel."""
    # 1 / range grows about evenly down the image: this makes more than one step a pixel.
    range_m = np.hypot(view.points_hw2[..., 0], view.points_hw2[..., 1])
    nearest_m = np.nanmin(range_m, initial=settings.range_max_m)
    steps = np.linspace(
        1 / settings.range_max_m, 1 / max(nearest_m, settings.range_min_m), 2 * view.camera.height
    )
    bearings = _bearings(settings)
    directions_m2 = np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    points_n2 = (directions_m2[:, np.newaxis] / steps[:, np.newaxis]).reshape(-1, 2)
    bins_n = np.repeat(np.arange(settings.readings), len(steps))
    return bins_n, view.pixel_indices(points_n2)


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
