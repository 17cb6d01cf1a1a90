# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import math

from ground_scene import Extrinsics, PINHOLE, Scene
from ground_views import GROUPS, sure, view_of
import numpy as np
import pytest
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.costmap import CostmapMemory, CostmapProjection, CostmapSettings
from rtformer_ros.geometry.grids.fixed_frame import in_fixed_frame, PlanarPose
from rtformer_ros.geometry.grids.placed_grid import PlacedGrid

TINY = CostmapSettings(size_m=3.0, resolution_m=0.25)
COSTS = np.random.default_rng(0).integers(-1, 101, (12, 12)).astype(np.int8)


def cell_of(point_m: tuple[float, float], resolution_m: float) -> tuple[int, int]:
    return math.floor(point_m[1] / resolution_m), math.floor(point_m[0] / resolution_m)


def by_hand(costs_hw: np.ndarray, settings: CostmapSettings, pose: PlanarPose) -> dict:
    """Cells of the fixed frame and their costs, point by point with complex numbers."""
    side, middle = settings.resolution_m, settings.size_m / 2
    turn = complex(math.cos(pose.yaw_rad), math.sin(pose.yaw_rad))
    place = complex(pose.x_m, pose.y_m)
    found: dict[tuple[int, int], int] = {}
    for (row, column), cost in np.ndenumerate(costs_hw):
        own = complex((column + 0.5) * side - middle, (row + 0.5) * side - middle)
        there = own * turn + place
        cell = cell_of((there.real, there.imag), side)
        found[cell] = max(int(cost), found.get(cell, -1))
    reach = math.ceil(1.5 * middle / side) + 2
    mid = cell_of((pose.x_m, pose.y_m), side)
    for row in range(mid[0] - reach, mid[0] + reach + 1):
        for column in range(mid[1] - reach, mid[1] + reach + 1):
            own = (complex((column + 0.5) * side, (row + 0.5) * side) - place) / turn
            there = cell_of((own.real + middle, own.imag + middle), side)
            if all(0 <= index < settings.cells for index in there):
                cost = int(costs_hw[there])
                found[row, column] = max(cost, found.get((row, column), -1))
    return found


@pytest.mark.parametrize('yaw_rad', [0.0, 0.3, math.pi / 2, -2.0, 3.1, 7.0])
@pytest.mark.parametrize(('x_m', 'y_m'), [(0.0, 0.0), (10.13, -3.91), (-1000.06, 77.77)])
def test_every_cell_is_where_it_is_in_the_world(yaw_rad, x_m, y_m):
    pose = PlanarPose(x_m + 1e-4, y_m + 2e-4, yaw_rad + 1e-5)
    grid = in_fixed_frame(COSTS, TINY, pose)
    assert grid.costs_hw.shape == (12, 12)
    expected = by_hand(COSTS, TINY, pose)
    for (row, column), cost in np.ndenumerate(grid.costs_hw):
        assert cost == expected.get((grid.row + row, grid.column + column), -1)
    # The robot is in the middle, to half a cell.
    middle_m = (grid.column + 6) * 0.25, (grid.row + 6) * 0.25
    assert abs(middle_m[0] - pose.x_m) <= 0.1251
    assert abs(middle_m[1] - pose.y_m) <= 0.1251


def test_a_robot_that_stands_on_the_corner_of_a_cell_changes_nothing():
    grid = in_fixed_frame(COSTS, TINY, PlanarPose(5.0, -2.5, 0.0))
    np.testing.assert_array_equal(grid.costs_hw, COSTS)
    assert (grid.row, grid.column) == (-10 - 6, 20 - 6)
    quarter = in_fixed_frame(COSTS, TINY, PlanarPose(0.0, 0.0, math.pi / 2))
    np.testing.assert_array_equal(quarter.costs_hw, np.rot90(COSTS, -1))


EMPTY = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ())
BOX = (7.0, 8.0, -1.0, 1.0, 1.0)
GRID = CostmapSettings(size_m=16.0, resolution_m=0.1, decay_s=20.0, frame='odom')


def seen_from(way_m: float) -> np.ndarray:
    """Costs in the robot's frame after it has driven that far towards the box."""
    x0, x1, y0, y1, top = BOX
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((x0 - way_m, x1 - way_m, y0, y1, top),))
    projection = CostmapProjection(view_of(scene), GRID, GROUPS)
    return projection.costs(sure(scene.class_map()))


def obstacles(grid: PlacedGrid) -> np.ndarray:
    """Centres of cells that cost something, x and y in metres, [N, 2]."""
    rows, columns = np.nonzero(grid.costs_hw > 0)
    return np.stack([columns + grid.column, rows + grid.row], axis=1) * 0.1 + 0.05


@pytest.mark.parametrize('heading_rad', [0.0, math.pi / 2, 2.5])
def test_an_obstacle_stays_where_it_is_while_the_robot_drives(heading_rad):
    memory, blurred = CostmapMemory(20.0), CostmapMemory(20.0)
    ahead = np.array([math.cos(heading_rad), math.sin(heading_rad)])
    start = np.array([3.02, -11.17])
    for time_s, way_m in enumerate((0.0, 0.73, 1.37, 2.0)):
        costs = seen_from(way_m)
        pose = PlanarPose(*(start + way_m * ahead), heading_rad)
        grid = memory.blend(in_fixed_frame(costs, GRID, pose), time_s)
        ghosts = blurred.blend(PlacedGrid(costs), time_s)
    # Back to where the drive began, x towards the box, whose front is at 7 m: nothing is before
    # it, nor beside its shadow.
    turn = np.array([ahead, [-ahead[1], ahead[0]]])
    x_m, y_m = turn @ (obstacles(grid) - start).T
    assert x_m.min() > 7.0 - 0.25
    assert (np.abs(y_m) < (x_m - 2.0) / 5.0 + 0.25).all()
    front = np.sort(y_m[x_m < 7.25])
    assert front[0] < -0.85
    assert front[-1] > 0.85
    assert np.diff(front).max() < 0.15
    # Without the robot's pose the same frames leave the box along the way.
    x_m = obstacles(ghosts)[:, 0]
    assert x_m.max() - x_m.min() > 1.5


def test_what_was_seen_is_remembered_at_its_place_out_of_sight():
    memory = CostmapMemory(20.0)
    pose = PlanarPose(0.0, 0.0, 0.0)
    first = memory.blend(in_fixed_frame(seen_from(0.0), GRID, pose), 0.0)
    # Turned round: the camera sees free ground on the other side alone.
    free = CostmapProjection(view_of(EMPTY), GRID, GROUPS).costs(sure(EMPTY.class_map()))
    back = memory.blend(in_fixed_frame(free, GRID, PlanarPose(0.0, 0.0, math.pi)), 5.0)
    kept = first.costs_hw >= 0
    np.testing.assert_array_equal(back.costs_hw[kept], first.costs_hw[kept])
    assert (back.costs_hw[:, :80] == 0).sum() > 1000
    # Nothing is left where the window has moved on, nor after the time of decay.
    away = memory.blend(in_fixed_frame(free, GRID, PlanarPose(-12.0, 0.0, math.pi)), 6.0)
    assert away.costs_hw.max() == 0
    later = memory.blend(in_fixed_frame(free, GRID, PlanarPose(0.0, 0.0, math.pi)), 7.0)
    assert (later.costs_hw[:, 120:] == -1).all()


def test_yaw_of_a_quaternion_is_where_the_robot_heads():
    for yaw_rad in (-3.0, -1.0, 0.0, 0.5, 3.1):
        half = yaw_rad / 2
        for length in (1.0, 2.0):
            quaternion = (0.0, 0.0, length * math.sin(half), length * math.cos(half))
            pose = PlanarPose.from_quaternion((1.0, 2.0, 9.0), quaternion)
            assert (pose.x_m, pose.y_m) == (1.0, 2.0)
            assert pose.yaw_rad == pytest.approx(yaw_rad)
    # Nose down by 30 degrees: it still heads along y.
    s, c = math.sin(math.pi / 12), math.cos(math.pi / 12)
    r = math.sqrt(0.5)
    tilted = PlanarPose.from_quaternion((0.0, 0.0, 0.0), (-r * s, r * s, r * c, r * c))
    assert tilted.yaw_rad == pytest.approx(math.pi / 2)


@pytest.mark.parametrize('values', [(math.nan, 0.0, 0.0), (0.0, math.inf, 0.0), (1e8, 0.0, 0.0)])
def test_what_is_no_pose_is_refused(values):
    with pytest.raises(GeometryError, match='the robot is at'):
        PlanarPose(*values)
    with pytest.raises(GeometryError, match='no rotation'):
        PlanarPose.from_quaternion((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
