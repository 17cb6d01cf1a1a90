# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the start: from the start of a process to its first mask."""

from __future__ import annotations

from pathlib import Path
from statistics import median
import tempfile
import time

from rtformer_ros.tools.benchmark.streams import NAIVE_ENGINE, node_parameters, NODES, WORKLOAD
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.processes import report_of, ros_system, start_program, start_workload

_RATE_HZ = 30.0
# So that the camera is there, as on a robot, when the node starts.
_CAMERA_START_S = 3.0
_TRIAL_TIMEOUT_S = 20.0
_POLL_S = 0.1
_COLUMNS = (Column('node'), Column('min s', 2), Column('median s', 2), Column('times as long', 2))


def start_table(model: Path, engine: str, threads: int, rounds: int) -> Table:
    """
    Start each node beside a camera that films already, and wait for a mask.

    This node starts with an empty cache ('cold') and with that of the start before, which ended
    once it had the engine that it prefers; and with an empty one on the naive node's engine, where
    its own is another. Raises EngineError where a process fails, with what it wrote last.
    """
    times_s: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home:
        for node in NODES:
            # Compiles to bytecode what is not yet, and fills the system's cache of files.
            _time_start(node, model, engine, threads, home)
    # By home, since each has a cache of its own.
    homes = (
        (('naive node', 'naive node', engine),),
        ((f'this node on {NAIVE_ENGINE}, cold', 'this node', NAIVE_ENGINE),)
        if engine != NAIVE_ENGINE
        else (),
        (
            ('this node, cold', 'this node', engine),
            ('this node, second start', 'this node', engine),
        ),
    )
    for starts in homes * rounds:
        with tempfile.TemporaryDirectory() as home:
            for name, node, used in starts:
                took_s = _time_start(node, model, used, threads, home)
                times_s.setdefault(name, []).append(took_s)
    yardstick_s = median(times_s['naive node'])
    rows = tuple(
        (name, min(each), median(each), median(each) / yardstick_s)
        for name, each in times_s.items()
    )
    title = f'from the start of the process to the first mask, {rounds} round(s)'
    return Table(title, _COLUMNS, rows, bars=('median s',))


def _time_start(node: str, model: Path, engine: str, threads: int, home: str) -> float:
    # An installation is compiled to bytecode, whatever this shell would have.
    with ros_system(ROS_HOME=home, PYTHONDONTWRITEBYTECODE='') as processes:
        workload = {'pace': 'start', 'rate_hz': _RATE_HZ}
        report = start_workload(processes, WORKLOAD, workload)
        time.sleep(_CAMERA_START_S)
        started_s = time.monotonic()
        start_program(processes, NODES[node], node_parameters(node, model, threads, engine))
        found = report_of(processes, NODES[node], WORKLOAD, report, 0.0)
        _await_trial(processes.log_path(NODES[node]))
    return float(found['first_mask_s']) - started_s


def _await_trial(log: Path) -> None:
    """Wait until a node has tried the engine that it put off, if it did."""
    give_up_s = time.monotonic() + _TRIAL_TIMEOUT_S
    while time.monotonic() < give_up_s:
        text = log.read_text(encoding='utf-8', errors='replace')
        if 'is yet to be tried' not in text or 'exchanged the model' in text:
            return
        time.sleep(_POLL_S)
