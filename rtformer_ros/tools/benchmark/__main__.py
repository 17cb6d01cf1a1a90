# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure engines, the node beside a naive one, and the tools; print the conditions."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
import math
import os
from pathlib import Path
import sys
import tempfile

from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import check_can_write
from rtformer_ros.files.packaged_files import find_model, find_weights
from rtformer_ros.tools.benchmark.cameras import cameras_table, CamerasCase, time_cameras
from rtformer_ros.tools.benchmark.engines import bare_p50_ms, engines_table
from rtformer_ros.tools.benchmark.geometry import geometry_table
from rtformer_ros.tools.benchmark.node import node_table, NodeCase, time_node
from rtformer_ros.tools.benchmark.pictures import pictures_table
from rtformer_ros.tools.benchmark.report import check_chart, Conditions, write_chart, write_json
from rtformer_ros.tools.benchmark.start import start_table
from rtformer_ros.tools.benchmark.streams import StreamCase, streams_table
from rtformer_ros.tools.benchmark.table import Table
from rtformer_ros.tools.benchmark.throughput import throughput_table
from rtformer_ros.tools.command_line import run_tool

_LEAST = {'runs': 1, 'rounds': 1, 'frames': 1, 'threads': 0, 'soak': 0}
_RATE_HZ = 4.0
_CASES: tuple[tuple[int, int, str, tuple[str, ...]], ...] = (
    (640, 480, 'rgb8', ('mask',)),
    (1920, 1080, 'rgb8', ('mask',)),
    (640, 480, 'rgb8', ('mask', 'overlay')),
    (1920, 1080, 'rgb8', ('mask', 'overlay')),
    (1920, 1080, 'bgr8', ('mask',)),
)
_SMALL, _HD, _4K = (640, 480), (1920, 1080), (3840, 2160)
_STREAMS: tuple[tuple[tuple[int, int], float, tuple[str, ...]], ...] = (
    (_SMALL, 10.0, ('mask',)),
    (_SMALL, 30.0, ('mask',)),
    (_HD, 10.0, ('mask',)),
    (_HD, 30.0, ('mask',)),
    (_HD, 10.0, ('mask', 'overlay')),
    (_HD, 30.0, ('mask', 'overlay')),
    (_HD, 10.0, ('mask', 'overlay/compressed')),
    (_4K, 10.0, ('mask',)),
)
_WHOLE_NETWORK_STREAMS = ((_SMALL, 30.0, ('mask',)), (_HD, 30.0, ('mask',)))
_LIGHT_SIZE = (120, 160)
_STREAM_S = 6.0
_CAMERAS = CamerasCase(('front', 'left', 'right'), 480, 360, rate_hz=10.0, duration_s=20.0)


def _try_engine(options: argparse.Namespace, model: Path) -> None:
    """Open the node's engine once: on its first start, the node would change to it on the way."""
    open_engine(EngineRequest(model, options.engine, threads=options.threads)).close()


def _engines(options: argparse.Namespace, model: Path) -> list[Table]:
    counts = [options.threads] if options.threads else sorted({1, os.cpu_count() or 1})
    return [engines_table(model, count, options.runs) for count in counts]


def _node(options: argparse.Namespace, model: Path) -> list[Table]:
    _try_engine(options, model)
    cases = [NodeCase(*case, options.frames, options.rate) for case in _CASES]
    return [node_table([time_node(e, model, options.engine, options.threads) for e in cases])]


def _streams(options: argparse.Namespace, model: Path) -> list[Table]:
    """Measure with a light network, whose time does not hide the node's, and with the whole."""
    threads = options.threads or 1
    whole = streams_table(_stream_cases(_WHOLE_NETWORK_STREAMS), model, threads)
    with tempfile.TemporaryDirectory() as folder:
        light = Path(folder) / 'light.onnx'
        try:
            _export_light(light)
        except ImportError as error:
            print(f'no streams of a light network, which PyTorch makes: {error}', file=sys.stderr)
            return [whole]
        cases = _stream_cases(_STREAMS)
        return [streams_table(cases, light, threads, options.rounds), whole]


def _stream_cases(
    streams: Sequence[tuple[tuple[int, int], float, tuple[str, ...]]],
) -> list[StreamCase]:
    return [
        StreamCase(*size, rate_hz, outputs, round(_STREAM_S * rate_hz))
        for size, rate_hz, outputs in streams
    ]


def _export_light(output: Path) -> None:
    """Write the packaged network for images of a ninth of its usual size."""
    from rtformer_ros.deploy.export import export_onnx

    export_onnx(find_weights('rtformer_slim_camvid'), output, *_LIGHT_SIZE)


def _start(options: argparse.Namespace, model: Path) -> list[Table]:
    return [start_table(model, options.engine, options.threads, options.rounds)]


def _cameras(options: argparse.Namespace, model: Path) -> list[Table]:
    _try_engine(options, model)
    case = replace(_CAMERAS, duration_s=options.seconds)
    timing = time_cameras(case, model, options.engine, options.threads)
    bare_ms = bare_p50_ms(model, options.engine, options.threads, options.runs)
    return [cameras_table(timing, bare_ms)]


def _pictures(options: argparse.Namespace, model: Path) -> list[Table]:
    return [pictures_table((480, 640), (360, 480), options.runs)]


def _geometry(options: argparse.Namespace, model: Path) -> list[Table]:
    return [geometry_table(640, 480, options.runs)]


def _throughput(options: argparse.Namespace, model: Path) -> list[Table]:
    threads = options.threads or 1
    return [throughput_table(model, options.engine, threads, options.frames, options.rounds)]


_PARTS: dict[str, Callable[[argparse.Namespace, Path], list[Table]]] = {
    'engines': _engines,
    'node': _node,
    'streams': _streams,
    'start': _start,
    'cameras': _cameras,
    'pictures': _pictures,
    'geometry': _geometry,
    'throughput': _throughput,
}


def _soak(options: argparse.Namespace, model: Path) -> None:
    """Send many frames and print how the memory grows."""
    _try_engine(options, model)
    frames = options.soak
    case = NodeCase(640, 480, 'rgb8', ('mask', 'overlay'), frames, 0.0)
    timing = time_node(case, model, options.engine, options.threads)
    memory = timing.resident_mib
    print('\n'.join(node_table([timing]).lines()))
    tenth = max(1, len(memory) // 10)
    points = ', '.join(f'{value:.0f}' for value in memory[::tenth])
    print(f'resident memory by tenths of the {frames} frames (MiB): {points}, {memory[-1]:.0f}')


def _measure(options: argparse.Namespace, model: Path, conditions: Conditions) -> None:
    tables: list[Table] = []
    for name, run_part in _PARTS.items():
        if not options.part or name in options.part:
            made = run_part(options, model)
            tables += made
            print('\n'.join(line for table in made for line in table.lines()), flush=True)
    if options.json:
        write_json(options.json, conditions, tables)
    if options.chart:
        write_chart(options.chart, conditions, tables)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('benchmark', lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    # Not after the minutes of measuring.
    _check(options)
    model = find_model(options.model)
    conditions = Conditions.now(model, options.threads)
    print(conditions)
    if options.soak:
        _soak(options, model)
    else:
        _measure(options, model, conditions)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigError or ModelError for options that nothing can be measured or written by."""
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value < least:
            raise ConfigError(f'--{name} is {value}; expected {least} or more')
    if not 0 < options.seconds < math.inf:
        raise ConfigError(f'--seconds is {options.seconds:g}; expected a number above 0')
    if not 0 <= options.rate < math.inf:
        # At 0 the node is sent the next frame when it has answered.
        raise ConfigError(f'--rate is {options.rate:g}; expected 0 or more')
    if options.chart:
        check_chart()
    for path in filter(None, (options.json, options.chart)):
        check_can_write(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='benchmark', description=__doc__)
    parser.add_argument(
        '--part', action='append', choices=tuple(_PARTS), help='what to measure (default: all)'
    )
    parser.add_argument('--model', default='', help='model file (default: the packaged one)')
    parser.add_argument('--engine', default='auto', help='engine of the node (default: auto)')
    parser.add_argument('--threads', type=int, default=0, help='engine threads (default: 0)')
    parser.add_argument('--runs', type=int, default=30, help='runs of what is measured alone')
    parser.add_argument('--rounds', type=int, default=3, help='rounds of what is compared')
    parser.add_argument('--frames', type=int, default=60, help='frames sent to the node a case')
    parser.add_argument('--rate', type=float, default=_RATE_HZ, help='frames a second, node')
    parser.add_argument(
        '--seconds', type=float, default=_CAMERAS.duration_s, help='seconds that cameras send for'
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    parser.add_argument('--chart', type=Path, metavar='FILE', help='draw bars into a PNG')
    parser.add_argument(
        '--soak', type=int, default=0, metavar='FRAMES',
        help='instead, send that many frames one after the other and print the memory',
    )  # fmt: skip
    return parser


if __name__ == '__main__':
    sys.exit(main())
