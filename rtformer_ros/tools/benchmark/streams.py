# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the segmentation node beside a naive one, on cameras that do not wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path
from statistics import median
import tempfile
from typing import Any

from rtformer_ros.files.json_text import parse_json
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import (
    ChildProcesses,
    isolated_environment,
    ros_arguments,
    wait_for_workload,
)

NODES = {'this node': 'segmentation_node', 'naive node': 'naive_node'}
"""The programs that are compared, both with ONNX Runtime."""

_WORKLOAD = 'node_benchmark'
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
    A camera of width x height pixels, rgb8, that sends `frames` frames at rate_hz.

    outputs: the topics under ~/ that are subscribed, 'mask' among them.
    """

    width: int
    height: int
    rate_hz: float
    outputs: tuple[str, ...]
    frames: int


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
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        environment = isolated_environment(os.environ, 150 + os.getpid() % 50, logs)
        with ChildProcesses(logs, environment) as processes:
            for node in NODES:
                _start(processes, node, model, threads)
            for case in cases:
                reports: dict[str, list[dict[str, Any]]] = {node: [] for node in NODES}
                for _ in range(rounds):
                    for node, found in reports.items():
                        found.append(_play(processes, node, case, logs / 'report.json'))
                rows += [_row(case, node, found) for node, found in reports.items()]
    title = (
        f'this node and a naive one (queue of 10, cv2.resize), {model.stem} on onnxruntime, '
        f'{threads} thread(s), {rounds} round(s)'
    )
    return Table(title, _COLUMNS, tuple(rows), bars=('CPU ms',))


def _start(processes: ChildProcesses, node: str, model: Path, threads: int) -> None:
    parameters: dict[str, Any] = {'model': str(model), 'threads': threads}
    program = NODES[node]
    if program != 'naive_node':
        parameters['engine'] = 'onnxruntime'
    arguments = ros_arguments(parameters, {'__ns': _namespace(node)})
    processes.start(program, f'rtformer_ros.ros.programs.{program}', arguments)


def _play(processes: ChildProcesses, node: str, case: StreamCase, report: Path) -> dict[str, Any]:
    workload = {
        'width': case.width,
        'height': case.height,
        'frames': case.frames,
        'rate_hz': case.rate_hz,
        'pace': 'camera',
        'outputs': ','.join(case.outputs),
        'report': str(report),
        'process_id': processes.process_id(NODES[node]),
    }
    arguments = ros_arguments(workload, {'__ns': _namespace(node)})
    processes.start(_WORKLOAD, f'rtformer_ros.ros.programs.{_WORKLOAD}', arguments)
    wait_for_workload(processes, NODES[node], _WORKLOAD, case.frames / case.rate_hz)
    text = report.read_text(encoding='utf-8')
    result: dict[str, Any] = parse_json(text, 'the report of the load')
    return result


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
