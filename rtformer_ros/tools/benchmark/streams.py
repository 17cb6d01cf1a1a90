# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the segmentation node beside a naive one, on cameras that do not wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import (
    ChildProcesses,
    report_of,
    ros_system,
    start_program,
    start_workload,
)

NODES = {'this node': 'segmentation_node', 'naive node': 'naive_node'}
"""The programs that are compared, both on NAIVE_ENGINE."""

NAIVE_ENGINE = 'onnxruntime'
"""What the naive node runs its model on."""

WORKLOAD = 'node_benchmark'
"""The program that sends frames and measures what comes of them."""

_COLUMNS = (
    Column('frame'),
    Column('rate'),
    Column('subscribed'),
    Column('node'),
    Column('CPU ms', 1),
    Column('p50 ms', 1),
    Column('p95 ms', 1),
    Column('max ms', 1),
    Column('lost'),
    Column('sent'),
)


@dataclass(frozen=True)
class StreamCase:
    """
    A camera of width x height pixels that sends `frames` frames of an encoding at rate_hz.

    outputs: the topics under ~/ that are subscribed, 'mask' among them.
    """

    width: int
    height: int
    rate_hz: float
    outputs: tuple[str, ...]
    frames: int
    encoding: str = 'rgb8'


def streams_table(
    cases: Sequence[StreamCase], model: Path, threads: int, rounds: int = 1
) -> Table:
    """
    Send the same frames to both nodes, in turns.

    CPU ms: CPU time of the node's process for each mask, the network included; p50, p95, max: from
    the camera's publish to the mask's arrival in another process; each the median of the rounds.
    lost: frames without a mask, of all rounds. Raises EngineError where a process fails, with what
    it wrote last.
    """
    rows = []
    with ros_system() as processes:
        for node in NODES:
            _start(processes, node, model, threads)
        for case in cases:
            reports: dict[str, list[dict[str, Any]]] = {node: [] for node in NODES}
            for _ in range(rounds):
                for node, found in reports.items():
                    found.append(play_stream(processes, NODES[node], case, _namespace(node)))
            rows += [_row(case, node, found) for node, found in reports.items()]
    title = (
        f'this node and a naive one (queue of 10, cv2.resize), {model.stem} on {NAIVE_ENGINE}, '
        f'{threads} thread(s), {rounds} round(s)'
    )
    return Table(title, _COLUMNS, tuple(rows), bars=('CPU ms',))


def node_parameters(node: str, model: Path, threads: int, engine: str) -> dict[str, str | int]:
    """Return the parameters of one of NODES; the naive one has no choice of engines."""
    parameters: dict[str, str | int] = {'model': str(model), 'threads': threads}
    if NODES[node] != 'naive_node':
        parameters['engine'] = engine
    return parameters


def _start(processes: ChildProcesses, node: str, model: Path, threads: int) -> None:
    parameters = node_parameters(node, model, threads, NAIVE_ENGINE)
    start_program(processes, NODES[node], parameters, _namespace(node))


def play_stream(
    processes: ChildProcesses, program: str, case: StreamCase, namespace: str = ''
) -> dict[str, Any]:
    """
    Send the frames of a case to a node that was started; return WORKLOAD's report.

    program: the node's, in ros/programs. Raises EngineError where a process fails, with what it
    wrote last.
    """
    workload = {
        'width': case.width,
        'height': case.height,
        'encoding': case.encoding,
        'frames': case.frames,
        'rate_hz': case.rate_hz,
        'pace': 'camera',
        'outputs': ','.join(case.outputs),
        'process_id': processes.process_id(program),
    }
    report = start_workload(processes, WORKLOAD, workload, namespace)
    return report_of(processes, program, WORKLOAD, report, case.frames / case.rate_hz)


def _namespace(node: str) -> str:
    return f'/{node.partition(" ")[0]}'


def _row(
    case: StreamCase, node: str, reports: Sequence[dict[str, Any]]
) -> tuple[str | float, ...]:
    figures = ('cpu_ms', 'latency_p50_ms', 'latency_p95_ms', 'latency_max_ms')
    return (
        f'{case.width}x{case.height}',
        f'{case.rate_hz:g} Hz',
        '+'.join(case.outputs),
        node,
        *(median(report[name] for report in reports) for name in figures),
        sum(report['sent'] - report['masks'] for report in reports),
        sum(report['sent'] for report in reports),
    )
