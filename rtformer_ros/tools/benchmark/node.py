# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the segmentation node: real processes, real messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtformer_ros.stream.statistics import STAGES
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import report_of, ros_system, start_program, start_workload

_NODE, _WORKLOAD = 'segmentation_node', 'node_benchmark'


@dataclass(frozen=True)
class NodeCase:
    """
    What is sent to the node and who listens.

    width, height: pixels of the frames; encoding: theirs; outputs: topics under ~/ that are
    subscribed; frames: how many are sent, rate_hz of them a second, 0 being as soon as the mask
    of the one before came.
    """

    width: int
    height: int
    encoding: str
    outputs: tuple[str, ...]
    frames: int
    rate_hz: float


@dataclass(frozen=True)
class NodeTiming:
    """
    What came of a case, in milliseconds but for the memory.

    stages_p50_ms: by stage, with 'overhead', which is all but the engine's own time;
    latency_*: from the camera's publish to the mask's arrival in another process;
    resident_mib: the node's memory at about 100 moments, first to last.
    """

    case: NodeCase
    stages_p50_ms: dict[str, float]
    overhead_p95_ms: float
    latency_p50_ms: float
    latency_p95_ms: float
    resident_mib: list[float]


def time_node(case: NodeCase, model: Path, engine: str, threads: int) -> NodeTiming:
    """Run one case; raises EngineError when a process fails, with what it wrote last."""
    parameters = {'model': str(model), 'engine': engine, 'threads': threads}
    with ros_system() as processes:
        start_program(processes, _NODE, parameters)
        workload = {
            'width': case.width,
            'height': case.height,
            'encoding': case.encoding,
            'frames': case.frames,
            'rate_hz': case.rate_hz,
            'outputs': ','.join(case.outputs),
            'process_id': processes.process_id(_NODE),
        }
        report = start_workload(processes, _WORKLOAD, workload)
        frame_s = 1 / case.rate_hz if case.rate_hz else 2.0
        return _timing(case, report_of(processes, _NODE, _WORKLOAD, report, case.frames * frame_s))


def node_table(timings: Sequence[NodeTiming]) -> Table:
    """Return what came of cases that differ in frames and subscribers alone."""
    case = timings[0].case
    pace = f'{case.rate_hz:g} Hz' if case.rate_hz else 'one after the other'
    columns = (
        Column('frame'),
        Column('subscribed'),
        *(Column(stage, 2) for stage in STAGES),
        Column('overhead', 2),
        Column('p95', 2),
        Column('latency', 1),
        Column('MiB'),
    )
    title = f'node, {case.frames} frames at {pace}: p50 by stage; overhead is all but infer (ms)'
    return Table(title, columns, tuple(map(_row, timings)), bars=('overhead',))


def _row(timing: NodeTiming) -> tuple[str | float, ...]:
    case, stages = timing.case, timing.stages_p50_ms
    return (
        f'{case.width}x{case.height} {case.encoding}',
        '+'.join(case.outputs),
        *(stages.get(stage, 0.0) for stage in STAGES),
        stages['overhead'],
        timing.overhead_p95_ms,
        timing.latency_p50_ms,
        timing.resident_mib[-1] if timing.resident_mib else float('nan'),
    )


def _timing(case: NodeCase, report: dict[str, Any]) -> NodeTiming:
    status = report['status']
    suffix = ' p50 (ms)'
    stages = {k.removesuffix(suffix): float(v) for k, v in status.items() if k.endswith(suffix)}
    return NodeTiming(
        case,
        stages,
        float(status['overhead p95 (ms)']),
        report['latency_p50_ms'],
        report['latency_p95_ms'],
        report['resident_mib'],
    )
