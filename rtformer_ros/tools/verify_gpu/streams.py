# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Streams through the real node: from the camera's publish to the mask in another process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
import math
from pathlib import Path
import re
from typing import Any

from rtformer_ros.errors import RtformerError
from rtformer_ros.tools.benchmark.streams import play_stream, StreamCase
from rtformer_ros.tools.processes import ChildProcesses, ros_system, start_program
from rtformer_ros.tools.verify_gpu.power import PowerWatch
from rtformer_ros.tools.verify_gpu.report import StreamMeasurement

NODE = 'segmentation_node'
"""The program that is measured."""

_ERROR_LINE = re.compile(r'^\[(?:ERROR|FATAL)\](?: \[[^\]]*\])*:? *(.+)$', re.MULTILINE)


@dataclass(frozen=True)
class NodeSetup:
    """
    The node of a stream.

    model: its file; name: what to call it; variant: of the model; engine, precision and
    optimization_level: the parameters of the node; threads: 0 leaves one core free;
    frame_encoding: of the frames that the engine takes as they come, '' for none.
    """

    model: Path
    name: str
    variant: str
    engine: str = 'tensorrt'
    precision: str = 'auto'
    optimization_level: int = 3
    threads: int = 0
    frame_encoding: str = ''

    @property
    def parameters(self) -> dict[str, str | int]:
        """Return what the node is started with."""
        return {
            'model': str(self.model),
            'engine': self.engine,
            'precision': self.precision,
            'threads': self.threads,
            'build.optimization_level': self.optimization_level,
            'frame_encoding': self.frame_encoding or 'none',
        }

    def row(self, case: StreamCase) -> StreamMeasurement:
        """Return the row of a case, which has no figures yet."""
        how = ', frames as they come' if self.frame_encoding else ''
        return StreamMeasurement(
            self.name,
            f'{self.engine}, {self.variant}{how}',
            case.width,
            case.height,
            case.rate_hz,
            '+'.join(case.outputs),
            encoding=case.encoding,
        )


def measure_stream(setup: NodeSetup, case: StreamCase) -> StreamMeasurement:
    """Return what comes of a case through a node of its own; of one that fails, the reason."""
    row = setup.row(case)
    if find_spec('rclpy') is None:
        why = 'ROS 2 is not here (no rclpy): source its setup, then run this again'
        return replace(row, missing=why)
    with ros_system() as processes:
        start_program(processes, NODE, setup.parameters)
        try:
            with PowerWatch() as watch:
                report = play_stream(processes, NODE, case)
        except RtformerError as error:
            return replace(row, missing=_reason(processes, error), has_failed=True)
    encoding, detail = setup.frame_encoding, report['status'].get('engine detail', '')
    if encoding and f'frames of {encoding} as they come' not in detail:
        # The node does not wait for what takes them, and these would be other figures.
        why = f'the node prepared its frames of {encoding} on the host: {detail}'
        return replace(row, missing=why, has_failed=True)
    return _with_figures(row, case, report, watch)


def not_streamed(setup: NodeSetup, case: StreamCase, why: str) -> StreamMeasurement:
    """Return the row of a case for which no node is started."""
    return replace(setup.row(case), missing=why)


def _reason(processes: ChildProcesses, error: RtformerError) -> str:
    """Return the node's own last complaint, or else what its benchmark said."""
    found = _ERROR_LINE.findall(processes.log_tail(NODE))
    return ' '.join((found[-1] if found else str(error)).split())


def _with_figures(
    row: StreamMeasurement, case: StreamCase, report: dict[str, Any], watch: PowerWatch
) -> StreamMeasurement:
    status = report['status']
    first_s = report['first_mask_s']
    power = watch.power(first_s, first_s + case.frames / case.rate_hz)
    return replace(
        row,
        sent=report['sent'],
        lost=report['sent'] - report['masks'],
        p50_ms=report['latency_p50_ms'],
        p95_ms=report['latency_p95_ms'],
        max_ms=report['latency_max_ms'],
        cpu_ms=_number(report['cpu_ms']),
        infer_p50_ms=_number(status.get('infer p50 (ms)')),
        overhead_p50_ms=_number(status.get('overhead p50 (ms)')),
        engine_detail=status.get('engine detail', ''),
        power=power,
        power_missing='' if power else watch.missing,
    )


def _number(value: Any) -> float | None:
    """Return a figure, None where the node gave none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
