# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the projections (costmap, scan, cloud) and regions: CPU time of one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import TypeVar

import cv2
import numpy as np
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.cloud import CloudProjection, CloudSettings, POINT_DTYPE
from rtformer_ros.geometry.costmap import CostmapProjection, CostmapSettings
from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.geometry.scan import ScanProjection, ScanSettings
from rtformer_ros.geometry.voxels import voxel_downsample
from rtformer_ros.imaging.regions import find_regions, Regions
from rtformer_ros.labels.label_set import PlannerGroup
from rtformer_ros.segmentation import Segmentation
from rtformer_ros.stream.statistics import Distribution
from rtformer_ros.tools.benchmark.cpu_time import cpu_times, opencv_on_one_core
from rtformer_ros.tools.benchmark.table import Column, Table

Made = TypeVar('Made')

# As the node's parameters are by default.
_LEAST_AREA, _MOST_REGIONS = 0.0005, 32

_GROUPS: dict[int, PlannerGroup] = {
    0: 'drivable',
    1: 'walkable',
    2: 'obstacle',
    3: 'dynamic',
    4: 'sky',
}


@dataclass(frozen=True)
class GeometryTiming:
    """CPU time an output takes a frame, and once for a new calibration (`making_ms`)."""

    output: str
    making_ms: float
    times: Distribution


def geometry_table(width: int, height: int, runs: int) -> Table:
    """Return what each output costs a frame, and once for a calibration."""
    columns = (
        Column('output'),
        Column('p50 ms', 2),
        Column('p95 ms', 2),
        Column('once for a calibration ms'),
    )
    rows = tuple(
        (each.output, each.times.p50_ms, each.times.p95_ms, each.making_ms)
        for each in time_geometry(width, height, runs)
    )
    title = f'projections of {width}x{height}, plumb_bob lens: CPU time of one core'
    return Table(title, columns, rows, bars=('p50 ms',))


def time_geometry(width: int, height: int, runs: int) -> list[GeometryTiming]:
    """Time each output for frames of that size, from a lens with distortion, on one core."""
    with opencv_on_one_core():
        return _timings(width, height, runs)


def _timings(width: int, height: int, runs: int) -> list[GeometryTiming]:
    random = np.random.default_rng(0)
    blocks = random.integers(0, len(_GROUPS), (height // 20, width // 20), np.uint8)
    class_map_hw = np.asarray(
        cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8
    )
    segmentation = Segmentation(class_map_hw, random.integers(0, 256, (height, width), np.uint8))
    colors_hwc = random.integers(0, 256, (height, width, 3), np.uint8)
    rows_m = np.linspace(8.0, 1.0, height)[:, np.newaxis]
    depth_hw = (1000 * (rows_m + 0.02 * random.random((height, width)))).astype(np.uint16)

    rays_ms, view = _timed(lambda: _view(width, height))
    costmap_ms, costmap = _timed(lambda: CostmapProjection(view, CostmapSettings(), _GROUPS))
    scan_ms, scan = _timed(lambda: ScanProjection(view, ScanSettings(), _GROUPS))
    cloud_ms, cloud = _timed(lambda: CloudProjection(view.camera, CloudSettings()))
    points_hw = np.empty(cloud.shape, POINT_DTYPE)
    half = CloudProjection(view.camera, CloudSettings(stride=2))
    rows: list[tuple[str, float, Callable[[], object]]] = [
        ('costmap', costmap_ms, lambda: costmap.costs(segmentation)),
        ('scan', scan_ms, lambda: scan.ranges(segmentation)),
        ('points', cloud_ms, lambda: cloud.points(depth_hw, segmentation, colors_hwc, points_hw)),
        (
            'points, stride 2, voxels of 5 cm',
            cloud_ms,
            lambda: voxel_downsample(half.points(depth_hw, segmentation, colors_hwc), 0.05),
        ),
        ('regions', 0.0, lambda: _regions(segmentation)),
    ]
    return [
        GeometryTiming(output, making_ms and rays_ms + making_ms, cpu_times(run, runs))
        for output, making_ms, run in rows
    ]


def _regions(segmentation: Segmentation) -> Regions:
    """Return those of the groups that the node tells by default, obstacle and dynamic."""
    least_px = _LEAST_AREA * segmentation.class_map_hw.size
    classes = [k for k, group in _GROUPS.items() if group in ('obstacle', 'dynamic')]
    return find_regions(
        segmentation.class_map_hw, segmentation.confidence_hw, classes, least_px, _MOST_REGIONS
    )


def _view(width: int, height: int) -> GroundView:
    focal_px = 0.82 * width
    k = (focal_px, 0.0, width / 2, 0.0, focal_px, height / 2, 0.0, 0.0, 1.0)
    camera = CameraModel(height, width, k, 'plumb_bob', (-0.2, 0.05, 0.001, -0.001, 0.0))
    view = GroundView(camera, CameraPose.from_angles(1.2, pitch_rad=0.15, roll_rad=0.05))
    assert view.points_hw2.shape == (height, width, 2)
    return view


def _timed(make: Callable[[], Made]) -> tuple[float, Made]:
    started_s = time.thread_time()
    made = make()
    return (time.thread_time() - started_s) * 1e3, made
