# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the segmentation node beside a naive one: CPU time a frame, in turns."""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
from statistics import median
import tempfile
from typing import Any, TYPE_CHECKING

from rtformer_ros.files.json_text import parse_json
from rtformer_ros.tools.processes import (
    ChildProcesses,
    isolated_environment,
    ros_arguments,
    wait_for_workload,
)

if TYPE_CHECKING:
    from rtformer_ros.tools.benchmark.node import NodeCase

_PROGRAMS = {'this node': 'segmentation_node', 'naive node': 'naive_node'}
_WORKLOAD = 'node_benchmark'


@dataclass(frozen=True)
class NodeCost:
    """
    What a node costs in one case, the network included.

    cpu_ms: CPU time of its process a frame, one value for each round; latency_p50_ms: from the
    camera's publish to the mask's arrival in another process, likewise.
    """

    node: str
    case: NodeCase
    cpu_ms: tuple[float, ...]
    latency_p50_ms: tuple[float, ...]


def compare_with_naive(
    case: NodeCase, model: Path, rounds: int, *, threads: int = 1
) -> list[NodeCost]:
    """
    Run both nodes in turns on the same frames, with ONNX Runtime.

    Raises EngineError when a process fails, with what it wrote last.
    """
    reports: dict[str, list[dict[str, Any]]] = {name: [] for name in _PROGRAMS}
    for _ in range(rounds):
        for name, program in _PROGRAMS.items():
            reports[name].append(_run(program, case, model, threads))
    return [
        NodeCost(
            name,
            case,
            tuple(report['cpu_ms'] for report in each),
            tuple(report['latency_p50_ms'] for report in each),
        )
        for name, each in reports.items()
    ]


def naive_table(costs: list[NodeCost]) -> list[str]:
    """Return the lines to print."""
    lines = [
        '\nthis node and a naive one (queue of 10, cv2.resize), onnxruntime with network (ms)',
        f'{"frame":12}{"subscribed":14}{"node":12}{"CPU min":>9}{"median":>9}{"latency":>9}',
    ]
    lines += [
        f'{f"{c.case.width}x{c.case.height}":12}{"+".join(c.case.outputs):14}{c.node:12}'
        f'{min(c.cpu_ms):9.1f}{median(c.cpu_ms):9.1f}{median(c.latency_p50_ms):9.1f}'
        for c in costs
    ]
    return lines


def _run(program: str, case: NodeCase, model: Path, threads: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        environment = isolated_environment(os.environ, 150 + os.getpid() % 50, logs)
        with ChildProcesses(logs, environment) as processes:
            parameters: dict[str, Any] = {'model': str(model), 'threads': threads}
            if program != 'naive_node':
                parameters['engine'] = 'onnxruntime'
            processes.start(
                program, f'rtformer_ros.ros.programs.{program}', ros_arguments(parameters)
            )
            workload = {
                'width': case.width,
                'height': case.height,
                'encoding': case.encoding,
                'frames': case.frames,
                'rate_hz': case.rate_hz,
                'outputs': ','.join(case.outputs),
                'report': str(logs / 'report.json'),
                'process_id': processes.process_id(program),
            }
            processes.start(
                _WORKLOAD, f'rtformer_ros.ros.programs.{_WORKLOAD}', ros_arguments(workload)
            )
            frame_s = 1 / case.rate_hz if case.rate_hz else 2.0
            wait_for_workload(processes, program, _WORKLOAD, case.frames * frame_s)
        report: dict[str, Any] = parse_json(
            (logs / 'report.json').read_text(encoding='utf-8'), 'the report of the naive node'
        )
        return report
