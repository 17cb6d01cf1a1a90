# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Occupancy grid of costs around the robot, from class maps, with a memory over frames."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.grids.placed_grid import PlacedGrid, shifted, UNKNOWN_COST
from rtformer_ros.geometry.occlusion import Occlusion, UPRIGHT
from rtformer_ros.geometry.pixel_bins import ids_of_groups, PixelBins, SampledValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats, Indices
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.segmentation import Segmentation

_UPRIGHT_GROUPS = ('obstacle', 'dynamic')
_MAX_CELLS = 2000
_POINTS_AT_ONCE = 1 << 16
# Let a cost that has faded go free rather than linger near 0.
_LEAST_COST = 0.5


@dataclass(frozen=True)
class GroupCosts:
    """Cost of each planner group: 0 (free) to 100 (occupied), or -1 (unknown)."""

    drivable: int = 0
    walkable: int = 30
    obstacle: int = 100
    dynamic: int = 100
    sky: int = UNKNOWN_COST
    other: int = UNKNOWN_COST

    def __post_init__(self) -> None:
        """Raise ConfigError for a cost out of range."""
        for each in fields(self):
            cost = getattr(self, each.name)
            if not UNKNOWN_COST <= cost <= 100:
                raise ConfigError(
                    f'the cost of {each.name} is {cost}; expected 0 to 100, or -1 for unknown'
                )


@dataclass(frozen=True)
class CostmapSettings:
    """
    Which grid, and what the classes cost.

    size_m: side of the square grid, whose middle is the robot; resolution_m: side of a cell.
    costs: by planner group. uncertain_cost: 0..100, what a pixel costs whose confidence is 0;
    between, the cost is confidence * cost + (1 - confidence) * uncertain_cost.
    min_confidence: 0..1; less sure pixels are unknown. obstacle_depth_m: how thick an obstacle is
    drawn, as the camera sees its front only; what lies behind is unknown. decay_s: within how many
    seconds a CostmapMemory forgets earlier frames; 0 keeps none. frame: the fixed frame that the
    costs are brought to, '' for the robot's own.
    """

    size_m: float = 20.0
    resolution_m: float = 0.1
    costs: GroupCosts = field(default_factory=GroupCosts)
    uncertain_cost: int = 50
    min_confidence: float = 0.0
    obstacle_depth_m: float = 0.3
    decay_s: float = 0.0
    frame: str = ''

    def __post_init__(self) -> None:
        """Raise ConfigError for a grid that has no cells or too many."""
        if not 1 <= self.cells <= _MAX_CELLS:
            raise ConfigError(
                f'a costmap of {self.size_m:g} m in cells of {self.resolution_m:g} m has '
                f'{self.cells} cells a side; expected 1 to {_MAX_CELLS}'
            )

    @property
    def cells(self) -> int:
        """Cells a side."""
        return round(self.size_m / self.resolution_m)

    @property
    def origin_m(self) -> float:
        """X and y of the grid's first corner in the base frame."""
        return -self.cells * self.resolution_m / 2


class CostmapProjection:
    """
    Projects class maps into the grid, for one calibration, pose, grid and set of classes.

    Making one takes some 100 ms, using it some 2 ms. Not thread-safe: it reuses a buffer. What it
    takes for a larger image is bounded, see GroundView.sampled.

    A cell takes the highest cost of all pixels that show it: of those whose centre falls into it
    (near by hundreds) and of the one that its own centre falls into (far off, where a pixel
    covers several cells). So every pixel that shows the grid counts. Of two pixels in a cell,
    an upright one (obstacle, dynamic) counts before a flat one.
    """

    def __init__(
        self,
        view: GroundView,
        settings: CostmapSettings,
        group_by_id: Mapping[int, PlannerGroup],
    ) -> None:
        """Prepare which pixels show which cell; ids without a group are unknown."""
        self._cells = settings.cells
        self._values = SampledValues(view, _cost_table(settings, group_by_id))
        centres_n2 = _cell_centres(settings)
        self._bins = _pixels_of_cells(view.sampled, settings, centres_n2)
        self._occlusion = Occlusion(
            view.pose,
            centres_n2,
            self._bins.bins_m,
            settings.resolution_m,
            settings.obstacle_depth_m,
        )

    def costs(self, segmentation: Segmentation) -> npt.NDArray[np.int8]:
        """
        Return the grid, int8 [cells, cells]: 0..100, -1 unknown; row along y, column along x.

        That is the layout of nav_msgs/OccupancyGrid: [0, 0] is the corner with the smallest x and
        y. Unknown are cells out of sight or hidden behind an obstacle, and unlabelled pixels.
        Raises GeometryError for a class map of another size than the camera model's.
        """
        values_n = self._values.at(self._bins.pixels_n, segmentation)
        evidence = np.zeros(self._cells * self._cells, np.uint8)
        if len(self._bins.bins_m):
            evidence[self._bins.bins_m] = np.maximum.reduceat(values_n, self._bins.starts_m)
            self._occlusion.hide(evidence)
        evidence &= UPRIGHT - 1
        # 0 is unknown and 1..101 are the costs, so one less is the grid's own coding.
        costs = evidence.view(np.int8)
        costs -= 1
        return costs.reshape(self._cells, self._cells)


class CostmapMemory:
    """
    Blends the costs of frames, forgetting within `decay_s` seconds; not thread-safe.

    A cell in sight has its new cost, or what is left of an older, higher one, which falls to 37 %
    within decay_s: an obstacle that is missed in one frame does not vanish at once. A cell out of
    sight keeps its last cost for decay_s, then it is unknown.
    In a fixed frame what was seen stays at its place while the grid moves with the robot. In the
    robot's own frame its motion is not compensated: with decay_s beyond what the robot needs for
    the way of one cell, costs smear along its path.
    """

    def __init__(self, decay_s: float) -> None:
        """Start with nothing seen; raises ConfigError unless decay_s is more than 0."""
        if not decay_s > 0:
            raise ConfigError(f'the costmap decays within {decay_s:g} s; expected more than 0')
        self._decay_s = decay_s
        self._costs_hw: npt.NDArray[np.float32] | None = None
        self._unseen_s_hw = np.empty((0, 0), np.float32)
        self._last_s = 0.0
        self._place = (0, 0)

    def blend(self, grid: PlacedGrid, time_s: float) -> PlacedGrid:
        """
        Return the costs of a frame at that time with those of earlier ones, at its place.

        What is remembered stays where it is in the frame of the grids, and is forgotten where it
        leaves the grid. A grid of another shape, or a time not after the last one's, starts anew:
        where all stamps are equal nothing would ever fade.
        """
        costs = grid.costs_hw
        seen = costs != UNKNOWN_COST
        self._follow(grid.row, grid.column)
        past = self._costs_hw
        elapsed_s = time_s - self._last_s
        if past is None or past.shape != costs.shape or elapsed_s <= 0:
            past = np.full(costs.shape, UNKNOWN_COST, np.float32)
            self._unseen_s_hw = np.zeros(costs.shape, np.float32)
            elapsed_s = 0.0
        self._last_s = time_s
        self._unseen_s_hw += np.float32(elapsed_s)
        self._unseen_s_hw[seen] = 0.0
        faded = past * np.float32(np.exp(-elapsed_s / self._decay_s))
        faded[faded < _LEAST_COST] = UNKNOWN_COST
        past[self._unseen_s_hw > self._decay_s] = UNKNOWN_COST
        self._costs_hw = np.where(seen, np.maximum(costs, faded), past)
        return replace(grid, costs_hw=np.rint(self._costs_hw).astype(np.int8))

    def _follow(self, row: int, column: int) -> None:
        """Move what is remembered to where the grid is now."""
        rows, columns = row - self._place[0], column - self._place[1]
        self._place = (row, column)
        if self._costs_hw is not None:
            self._costs_hw = shifted(self._costs_hw, rows, columns, UNKNOWN_COST)
            self._unseen_s_hw = shifted(self._unseen_s_hw, rows, columns, 0.0)


def _cell_centres(settings: CostmapSettings) -> Floats:
    """Return x, y of all cell centres in metres, row-major, float64 [cells * cells, 2]."""
    centres_m = settings.origin_m + (np.arange(settings.cells) + 0.5) * settings.resolution_m
    x_hw, y_hw = np.meshgrid(centres_m, centres_m)
    return np.stack([x_hw.ravel(), y_hw.ravel()], axis=1)


def _pixels_of_cells(view: GroundView, settings: CostmapSettings, centres_n2: Floats) -> PixelBins:
    parts = chain(_cells_of_pixels(view, settings), _pixels_at(view, centres_n2))
    return PixelBins.of(parts, view.camera.height * view.camera.width)


def _cells_of_pixels(
    view: GroundView, settings: CostmapSettings
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pixels whose centre is in the grid, with their cells."""
    points_n2 = view.points_hw2.reshape(-1, 2)
    for start in range(0, len(points_n2), _POINTS_AT_ONCE):
        some_n2 = points_n2[start : start + _POINTS_AT_ONCE].astype(np.float64)
        cells_n2 = np.floor((some_n2 - settings.origin_m) / settings.resolution_m)
        with np.errstate(invalid='ignore'):
            is_inside = ((cells_n2 >= 0) & (cells_n2 < settings.cells)).all(axis=1)
        columns, rows = cells_n2[is_inside].T.astype(np.intp)
        yield rows * settings.cells + columns, start + np.flatnonzero(is_inside)


def _pixels_at(view: GroundView, centres_n2: Floats) -> Iterator[tuple[Indices, Indices]]:
    """Yield the cells with the pixel that each one's centre falls into, -1 for none."""
    for start in range(0, len(centres_n2), _POINTS_AT_ONCE):
        pixels_n = view.pixel_indices(centres_n2[start : start + _POINTS_AT_ONCE])
        yield np.arange(start, start + len(pixels_n)), pixels_n


def _cost_table(
    settings: CostmapSettings, group_by_id: Mapping[int, PlannerGroup]
) -> npt.NDArray[np.uint8]:
    """Return cost + 1 by class * 256 + confidence, 0 unknown, upright classes with UPRIGHT set."""
    confidence = np.arange(256) / 255
    table = np.zeros((256, 256), np.uint8)
    is_upright = ids_of_groups(group_by_id, _UPRIGHT_GROUPS)
    for class_id, group in group_by_id.items():
        cost = getattr(settings.costs, group)
        if cost == UNKNOWN_COST:
            continue
        weighted = confidence * cost + (1 - confidence) * settings.uncertain_cost
        table[class_id] = np.rint(weighted).astype(np.uint8) + 1
        if is_upright[class_id]:
            table[class_id] |= UPRIGHT
    table[:, confidence < settings.min_confidence] = 0
    return table.reshape(-1)
