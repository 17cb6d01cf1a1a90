"""Hold how class maps are projected: the camera's place, and what each projection makes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.cloud import CloudSettings
from rtformer_ros.geometry.costmap import UNKNOWN_COST, CostmapSettings, GroupCosts
from rtformer_ros.geometry.scan import ScanSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PLANNER_GROUPS = tuple(each.name for each in fields(GroupCosts))


@dataclass(frozen=True)
class MountSettings:
    """
    Where cameras are on the robot; see CameraPose.from_height_and_angles for the angles' signs.

    pose_source: whether the numbers here count or the transform of TF. is_rectified: the images
    are, so P of the calibration holds, and no distortion.
    """

    pose_source: Literal['parameters', 'tf']
    height_m: float
    pitch_rad: float
    roll_rad: float
    yaw_rad: float
    forward_m: float
    left_m: float
    is_rectified: bool


@dataclass(frozen=True)
class CostmapOptions:
    """The grid, and within how many seconds earlier frames are forgotten; 0 keeps none."""

    grid: CostmapSettings
    decay_s: float


@dataclass(frozen=True)
class PointsOptions:
    """
    The cloud: its limits, the side of voxels (0: organised, none), what is shown in which colour.

    class_filter: text, read once the labels are known; '' shows all.
    """

    cloud: CloudSettings
    voxel_m: float
    class_filter: str
    color: Literal['class', 'image']


def mount_settings(value: Mapping[str, Any]) -> MountSettings:
    """Read the parameters camera.*."""
    return MountSettings(
        pose_source=value['camera.pose_source'],
        height_m=value['camera.height_m'],
        pitch_rad=math.radians(value['camera.pitch_deg']),
        roll_rad=math.radians(value['camera.roll_deg']),
        yaw_rad=math.radians(value['camera.yaw_deg']),
        forward_m=value['camera.forward_m'],
        left_m=value['camera.left_m'],
        is_rectified=value['camera.is_rectified'],
    )


def costmap_options(value: Mapping[str, Any]) -> CostmapOptions:
    """Read the parameters costmap.*; raises ConfigError."""
    return CostmapOptions(
        grid=CostmapSettings(
            size_m=value['costmap.size_m'],
            resolution_m=value['costmap.resolution_m'],
            costs=_group_costs(value['costmap.costs']),
            uncertain_cost=value['costmap.uncertain_cost'],
            min_confidence=value['costmap.min_confidence'],
            obstacle_depth_m=value['costmap.obstacle_depth_m'],
        ),
        decay_s=value['costmap.decay_s'],
    )


def scan_settings(value: Mapping[str, Any]) -> ScanSettings:
    """Read the parameters scan.*; raises ConfigError."""
    free_groups = tuple(filter(None, (g.strip() for g in value['scan.free_groups'].split(','))))
    for group in free_groups:
        _check_group('scan.free_groups', group)
    return ScanSettings(
        angle_min_rad=math.radians(value['scan.angle_min_deg']),
        angle_max_rad=math.radians(value['scan.angle_max_deg']),
        angle_increment_rad=math.radians(value['scan.angle_increment_deg']),
        range_min_m=value['scan.range_min_m'],
        range_max_m=value['scan.range_max_m'],
        free_groups=free_groups,
        min_confidence=value['scan.min_confidence'],
    )


def points_options(value: Mapping[str, Any]) -> PointsOptions:
    """Read the parameters points.*; raises ConfigError."""
    return PointsOptions(
        cloud=CloudSettings(
            stride=value['points.stride'],
            min_depth_m=value['points.min_depth_m'],
            max_depth_m=value['points.max_depth_m'],
        ),
        voxel_m=value['points.voxel_m'],
        class_filter=value['points.class_filter'],
        color=value['points.color'],
    )


def _group_costs(text: str) -> GroupCosts:
    """Read 'GROUP=COST, ...'; a group that is not named is unknown. Raises ConfigError."""
    costs = dict.fromkeys(PLANNER_GROUPS, UNKNOWN_COST)
    for part in filter(str.strip, text.split(',')):
        group, _, cost = (each.strip() for each in part.partition('='))
        _check_group('costmap.costs', group)
        try:
            costs[group] = int(cost)
        except ValueError as error:
            raise ConfigError(
                f"costmap.costs: '{part.strip()}' is no pair; expected 'drivable=0, obstacle=100'"
            ) from error
    return GroupCosts(**costs)


def _check_group(parameter: str, group: str) -> None:
    if group not in PLANNER_GROUPS:
        raise ConfigError(
            f"{parameter}: '{group}' is no planner group; expected one of: "
            f'{", ".join(PLANNER_GROUPS)}'
        )
