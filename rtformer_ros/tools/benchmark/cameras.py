# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of several cameras at one engine: who gets how much, and what is lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtformer_ros.stream.statistics import STAGES
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import report_of, ros_system, start_program, start_workload

_NODE, _WORKLOAD = 'segmentation_node', 'camera_playback'


@dataclass(frozen=True)
class CamerasCase:
    """Cameras of that many pixels that all send rgb8 frames at a rate for some seconds."""

    cameras: tuple[str, ...]
    width: int
    height: int
    rate_hz: float
    duration_s: float
    batch_wait_ms: float = 0.0


@dataclass(frozen=True)
class CameraTiming:
    """
    What came of one camera.

    sent: frames; received: those that reached the node; skipped: those that a newer one displaced;
    masks: those that came back; latency_*: from the camera's publish to the mask's arrival in
    another process; longest_gap_ms: between two masks; frame_p50_ms: what the node worked on a
    frame, all but its waiting.
    """

    name: str
    sent: int
    received: int
    skipped: int
    masks: int
    longest_gap_ms: float
    latency_p50_ms: float
    latency_p95_ms: float
    frame_p50_ms: float


@dataclass(frozen=True)
class CamerasTiming:
    """
    What came of a case.

    elapsed_s: seconds from the first frame to the last mask; busy_s: how many of them the node
    worked on frames. If that is all, no frame was lost but for the speed of that work.
    engine_runs: how often the engine ran, which batches make fewer than there are masks.
    """

    case: CamerasCase
    cameras: tuple[CameraTiming, ...]
    elapsed_s: float
    busy_s: float
    engine_runs: float


def time_cameras(case: CamerasCase, model: Path, engine: str, threads: int) -> CamerasTiming:
    """Run one case; raises EngineError when a process fails, with what it wrote last."""
    parameters = {
        'model': str(model),
        'engine': engine,
        'threads': threads,
        'cameras': list(case.cameras),
        'batch_wait_ms': case.batch_wait_ms,
    }
    workload = {
        'cameras': list(case.cameras),
        'width': case.width,
        'height': case.height,
        'rate_hz': case.rate_hz,
        'duration_s': case.duration_s,
    }
    with ros_system() as processes:
        start_program(processes, _NODE, parameters)
        path = start_workload(processes, _WORKLOAD, workload)
        report = report_of(processes, _NODE, _WORKLOAD, path, case.duration_s)
    cameras = tuple(_timing(name, report['cameras'][name]) for name in case.cameras)
    return CamerasTiming(
        case, cameras, report['elapsed_s'], report['busy_s'], report['engine_runs']
    )


def cameras_table(timing: CamerasTiming, network_ms: float) -> Table:
    """Return what came of it; network_ms: what the bare network takes for an image."""
    case, cameras = timing.case, timing.cameras
    columns = (
        Column('camera'),
        Column('sent'),
        Column('received'),
        Column('skipped'),
        Column('masks'),
        Column('Hz', 2),
        Column('latency p50 ms'),
        Column('p95 ms'),
        Column('longest gap ms'),
    )
    rows = tuple(
        (
            c.name,
            c.sent,
            c.received,
            c.skipped,
            c.masks,
            c.masks / case.duration_s,
            c.latency_p50_ms,
            c.latency_p95_ms,
            c.longest_gap_ms,
        )
        for c in cameras
    )
    title = (
        f'{len(case.cameras)} cameras, {case.width}x{case.height} rgb8 at {case.rate_hz:g} Hz '
        f'each for {case.duration_s:g} s, mask subscribed'
    )
    return Table(title, columns, rows, (_together(timing, network_ms),))


def _together(timing: CamerasTiming, network_ms: float) -> str:
    case, cameras = timing.case, timing.cameras
    masks = [c.masks for c in cameras]
    # What a frame of a batch counts as the engine's time is that of the whole batch.
    batch = sum(masks) / max(1.0, timing.engine_runs)
    return (
        f'together {sum(masks) / case.duration_s:.2f} of {len(cameras) * case.rate_hz:g} Hz; '
        f'the node worked on frames {timing.busy_s / timing.elapsed_s:.0%} of the time, '
        f'{cameras[0].frame_p50_ms:.1f} ms on each (p50), the bare network '
        f'{network_ms:.1f} ms; {batch:.2f} frames a run; least to most masks of a camera: '
        f'{min(masks) / max(*masks, 1):.0%}'
    )


def _timing(name: str, report: dict[str, Any]) -> CameraTiming:
    status = report['status']
    return CameraTiming(
        name=name,
        sent=report['sent'],
        received=report['received'],
        skipped=report['skipped'],
        masks=report['masks'],
        longest_gap_ms=report['longest_gap_ms'],
        latency_p50_ms=report['latency_p50_ms'],
        latency_p95_ms=report['latency_p95_ms'],
        frame_p50_ms=sum(
            float(status.get(f'{stage} p50 (ms)', 'nan')) for stage in STAGES if stage != 'wait'
        ),
    )
