# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the start: from the start of a process to its first mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
from statistics import median
import tempfile
import time

from rtformer_ros.files.json_text import parse_json
from rtformer_ros.tools.benchmark.streams import NODES
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import (
    ChildProcesses,
    isolated_environment,
    ros_arguments,
    wait_for_workload,
)

_WORKLOAD = 'node_benchmark'
_RATE_HZ = 30.0
# So that the camera is there, as on a robot, when the node starts.
_CAMERA_START_S = 3.0
_COLUMNS = (Column('node'), Column('min s', 2), Column('median s', 2), Column('times as long', 2))


def start_table(model: Path, engine: str, threads: int, rounds: int) -> Table:
    """
    Start each node beside a camera that films already, and wait for a mask.

    This node starts with an empty cache ('cold') and with that of the start before. Raises
    EngineError where a process fails, with what it wrote last.
    """
    times_s: dict[str, list[float]] = {}
    with _ros_home() as home:
        for node in NODES:
            # Compiles to bytecode what is not yet, and fills the system's cache of files.
            _time_start(node, model, engine, threads, home)
    for _ in range(rounds):
        with _ros_home() as home:
            for name, node in (
                ('naive node', 'naive node'),
                ('this node, cold', 'this node'),
                ('this node, second start', 'this node'),
            ):
                took_s = _time_start(node, model, engine, threads, home)
                times_s.setdefault(name, []).append(took_s)
    yardstick_s = median(times_s['naive node'])
    rows = tuple(
        (name, min(each), median(each), median(each) / yardstick_s)
        for name, each in times_s.items()
    )
    title = f'from the start of the process to the first mask, {rounds} round(s)'
    return Table(title, _COLUMNS, rows, bars=('median s',))


@contextmanager
def _ros_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _time_start(node: str, model: Path, engine: str, threads: int, home: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        environment = isolated_environment(os.environ, 150 + os.getpid() % 50, logs)
        environment['ROS_HOME'] = str(home)
        # An installation is compiled to bytecode, whatever this shell would have.
        environment.pop('PYTHONDONTWRITEBYTECODE', None)
        with ChildProcesses(logs, environment) as processes:
            report = logs / 'report.json'
            workload = {'pace': 'start', 'rate_hz': _RATE_HZ, 'report': str(report)}
            processes.start(
                _WORKLOAD, f'rtformer_ros.ros.programs.{_WORKLOAD}', ros_arguments(workload)
            )
            time.sleep(_CAMERA_START_S)
            parameters: dict[str, str | int] = {'model': str(model), 'threads': threads}
            program = NODES[node]
            if program != 'naive_node':
                parameters['engine'] = engine
            started_s = time.monotonic()
            processes.start(
                program, f'rtformer_ros.ros.programs.{program}', ros_arguments(parameters)
            )
            wait_for_workload(processes, program, _WORKLOAD, 0.0)
        text = report.read_text(encoding='utf-8')
    return float(parse_json(text, 'the report of the load')['first_mask_s']) - started_s
