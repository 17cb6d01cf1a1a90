# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure the node's own cost a frame beside the bare network's, and print the conditions."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
import os
from pathlib import Path
import platform
import sys

from rtformer_ros import __version__
from rtformer_ros.engines.reduced_precision.cpu_features import cpu_flags, describe_flags
from rtformer_ros.errors import RtformerError
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.stream.statistics import STAGES
from rtformer_ros.tools.benchmark.cameras import cameras_table, CamerasCase, time_cameras
from rtformer_ros.tools.benchmark.geometry import geometry_table
from rtformer_ros.tools.benchmark.naive import compare_with_naive, naive_table
from rtformer_ros.tools.benchmark.network import (
    NetworkTiming,
    time_engine,
    time_torch_eager,
)
from rtformer_ros.tools.benchmark.node import NodeCase, NodeTiming, time_node
from rtformer_ros.tools.benchmark.pictures import pictures_table

_LIBRARIES = ('numpy', 'opencv-python-headless', 'onnxruntime', 'openvino', 'torch', 'ros-rclpy')
_RATE_HZ = 4.0
_CASES: tuple[tuple[int, int, str, tuple[str, ...]], ...] = (
    (640, 480, 'rgb8', ('mask',)),
    (1920, 1080, 'rgb8', ('mask',)),
    (640, 480, 'rgb8', ('mask', 'overlay')),
    (1920, 1080, 'rgb8', ('mask', 'overlay')),
    (1920, 1080, 'bgr8', ('mask',)),
)
_NAIVE_CASES: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (640, 480, ('mask',)),
    (1920, 1080, ('mask',)),
    (1920, 1080, ('mask', 'overlay')),
)
_NAIVE_ROUNDS = 3
# From this on, another program computes beside the benchmark.
_QUIET_LOAD = 0.5
_CAMERAS = CamerasCase(('front', 'left', 'right'), 480, 360, rate_hz=10.0, duration_s=20.0)


def describe_conditions(model: Path, threads: int) -> str:
    """Return what the figures were measured on: machine, load, versions, model."""
    cpu = platform.processor() or platform.machine()
    cpu_info = Path('/proc/cpuinfo')
    if cpu_info.is_file():
        lines = cpu_info.read_text(encoding='utf-8').splitlines()
        cpu = next((line.partition(':')[2].strip() for line in lines if 'model name' in line), cpu)
    versions = [f'rtformer_ros {__version__}', f'Python {platform.python_version()}']
    for library in _LIBRARIES:
        try:
            versions.append(f'{library} {version(library)}')
        except PackageNotFoundError:
            versions.append(f'no {library}')
    loads = os.getloadavg()
    load = ', '.join(f'{value:.2f}' for value in loads)
    quiet = 'quiet' if loads[0] < _QUIET_LOAD else 'not quiet: trust CPU time and minima alone'
    return (
        f'machine: {cpu}, {os.cpu_count()} cores ({describe_flags(cpu_flags())}); '
        f'load average at start {load} ({quiet})\n'
        f'versions: {", ".join(versions)}\n'
        f'model: {model.name}; engine threads: {threads or "0 (one core left free)"}'
    )


def _print_network(timings: Sequence[NetworkTiming]) -> None:
    print('\nbare network, one image (ms)')
    print(f'{"runtime":34} {"threads":>7} {"p50":>8} {"p95":>8}')
    for timing in timings:
        times = timing.times
        print(f'{timing.runtime:34} {timing.threads:7} {times.p50_ms:8.1f} {times.p95_ms:8.1f}')


def _print_node_header(frames: int, rate_hz: float) -> None:
    pace = f'{rate_hz:g} Hz' if rate_hz else 'one after the other'
    print(f'\nnode, {frames} frames at {pace}: p50 by stage; overhead is all but infer (ms)')
    names = ''.join(f'{stage:>12}' for stage in STAGES)
    print(f'{"frame":16} {"subscribed":13}{names}  overhead     p95  latency   MiB')


def _print_node(timing: NodeTiming) -> None:
    case, stages = timing.case, timing.stages_p50_ms
    values = ''.join(f'{stages.get(stage, 0.0):12.2f}' for stage in STAGES)
    memory = f'{timing.resident_mib[-1]:5.0f}' if timing.resident_mib else ''
    print(
        f'{f"{case.width}x{case.height} {case.encoding}":16} {"+".join(case.outputs):13}{values} '
        f'{stages["overhead"]:9.2f} {timing.overhead_p95_ms:7.2f} {timing.latency_p50_ms:8.1f} '
        f'{memory}',
        flush=True,
    )


def _network_timings(model: Path, engine: str, threads: int, runs: int) -> list[NetworkTiming]:
    thread_counts = [threads] if threads else sorted({1, os.cpu_count() or 1})
    timings = [time_engine(model, engine, count, runs) for count in thread_counts]
    try:
        timings += [time_torch_eager(360, 480, 11, count, runs) for count in thread_counts]
    except ImportError:
        print('PyTorch is not installed: its times are left out', file=sys.stderr)
    return timings


def _network(options: argparse.Namespace, model: Path) -> None:
    _print_network(_network_timings(model, options.engine, options.threads, options.runs))


def _node(options: argparse.Namespace, model: Path) -> None:
    _print_node_header(options.frames, options.rate)
    for width, height, encoding, outputs in _CASES:
        case = NodeCase(width, height, encoding, outputs, options.frames, options.rate)
        _print_node(time_node(case, model, options.engine, options.threads))


def _naive(options: argparse.Namespace, model: Path) -> None:
    costs = []
    for width, height, outputs in _NAIVE_CASES:
        case = NodeCase(width, height, 'rgb8', outputs, options.frames, options.rate)
        costs += compare_with_naive(case, model, _NAIVE_ROUNDS, threads=options.threads or 1)
    print('\n'.join(naive_table(costs)))


def _cameras(options: argparse.Namespace, model: Path) -> None:
    case = replace(_CAMERAS, duration_s=options.seconds)
    bare = time_engine(model, options.engine, options.threads, options.runs)
    timing = time_cameras(case, model, options.engine, options.threads)
    print('\n'.join(cameras_table(timing, bare.times.p50_ms)))


def _pictures(options: argparse.Namespace, model: Path) -> None:
    print('\n'.join(pictures_table((480, 640), (360, 480), options.runs)))


def _geometry(options: argparse.Namespace, model: Path) -> None:
    print('\n'.join(geometry_table(640, 480, options.runs)))


_PARTS: dict[str, Callable[[argparse.Namespace, Path], None]] = {
    'network': _network,
    'node': _node,
    'naive': _naive,
    'cameras': _cameras,
    'pictures': _pictures,
    'geometry': _geometry,
}


def _soak(options: argparse.Namespace, model: Path) -> None:
    """Send many frames and print how the memory grows."""
    frames = options.soak
    case = NodeCase(640, 480, 'rgb8', ('mask', 'overlay'), frames, 0.0)
    timing = time_node(case, model, options.engine, options.threads)
    memory = timing.resident_mib
    _print_node_header(frames, 0.0)
    _print_node(timing)
    tenth = max(1, len(memory) // 10)
    points = ', '.join(f'{value:.0f}' for value in memory[::tenth])
    print(f'resident memory by tenths of the {frames} frames (MiB): {points}, {memory[-1]:.0f}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        model = find_model(options.model)
        print(describe_conditions(model, options.threads))
        if options.soak:
            _soak(options, model)
            return 0
        for name, run_part in _PARTS.items():
            if not options.part or name in options.part:
                run_part(options, model)
    except RtformerError as error:
        print(f'benchmark failed: {error}', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='benchmark', description=__doc__)
    parser.add_argument(
        '--part', action='append', choices=tuple(_PARTS), help='what to measure (default: all)'
    )
    parser.add_argument('--model', default='', help='model file (default: the packaged one)')
    parser.add_argument('--engine', default='auto', help='engine (default: auto)')
    parser.add_argument('--threads', type=int, default=0, help='engine threads (default: 0)')
    parser.add_argument('--runs', type=int, default=30, help='runs of the bare network')
    parser.add_argument('--frames', type=int, default=60, help='frames sent to the node a case')
    parser.add_argument('--rate', type=float, default=_RATE_HZ, help='frames a second')
    parser.add_argument(
        '--seconds', type=float, default=_CAMERAS.duration_s, help='seconds that cameras send for'
    )
    parser.add_argument(
        '--soak', type=int, default=0, metavar='FRAMES',
        help='instead, send that many frames one after the other and print the memory',
    )  # fmt: skip
    return parser


if __name__ == '__main__':
    sys.exit(main())
