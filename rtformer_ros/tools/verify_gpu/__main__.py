# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Try every packaged model on this machine's GPU: is it right, and how fast is it?

    ros2 run rtformer_ros verify_gpu --output report.json
    ros2 run rtformer_ros verify_gpu --quick

First it says of each thing that this needs whether it is installed, and what mends it; with
--check only that. Then it builds the TensorRT plans (FP16, FP32, INT8), compares their classes
with ONNX Runtime's on real images, and times TensorRT (CUDA graph and plain), ONNX Runtime on the
GPU, and PyTorch in FP16 (eager, CUDA graph, compiled) side by side: from pixels on the host to
class map and confidence on the host. In FP16 a second plan takes 1080p frames as cameras send
them (bgr8, yuyv, nv12), which are timed beside those that the host prepares. Each plan is also run
by the real node, on frames of 1920x1080 at 30 Hz: latency from camera to mask, lost frames, CPU
time. Where tegrastats or nvidia-smi can read it, the power of all of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
import sys
import time

from rtformer_ros.engines import BuildProgress, BuildWatch
from rtformer_ros.engines.reduced_precision.int8_file import CPU_ENDING
from rtformer_ros.engines.tensorrt import device
from rtformer_ros.errors import ConfigError, EngineUnavailable
from rtformer_ros.files.packaged_files import find_model, share_directories
from rtformer_ros.tools.command_line import run_tool
from rtformer_ros.tools.verify_gpu.conditions import conditions, format_values, gpu_state
from rtformer_ros.tools.verify_gpu.document import document_paths, write_documents
from rtformer_ros.tools.verify_gpu.installation import (
    check_installation,
    installation_text,
    InstalledItem,
)
from rtformer_ros.tools.verify_gpu.measurements import GpuTrial, measure
from rtformer_ros.tools.verify_gpu.report import GpuReport, Row, StreamMeasurement
from rtformer_ros.tools.verify_gpu.scope import FULL, QUICK, Scope

_REPORT_EVERY_S = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Returns 1 without a GPU, where a runtime fails or is wrong, and where --check finds less than
    is needed.
    """
    options = _parser().parse_args(arguments)
    return run_tool('verify_gpu', lambda: _run(options))


def packaged_models() -> list[Path]:
    """
    Return the ONNX models that come with the package, but for INT8 files in the form for CPUs.

    Raises ConfigError where there is none.
    """
    for share in share_directories():
        found = sorted(share.glob('models/*.onnx'))
        models = [path for path in found if not path.stem.endswith(f'_{CPU_ENDING}')]
        if models:
            return models
    raise ConfigError('no model comes with this installation; name one with --model')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='verify_gpu', description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        '--model', action='append', default=[], help='ONNX file; repeat it (default: all packaged)'
    )
    parser.add_argument(
        '--check', action='store_true', help='only check the installation, item by item'
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='minutes: the smallest model, FP16 with a CUDA graph, a quick build, one stream;\n'
        'it says what it leaves out',
    )
    parser.add_argument(
        '--output',
        type=Path,
        metavar='FILE.json',
        help='write the report there, and FILE.md and FILE.png beside it',
    )
    parser.add_argument(
        '--runs',
        type=int,
        help=f'timed calls of each (default: {FULL.runs}; {QUICK.runs} with --quick)',
    )
    parser.add_argument(
        '--batch', type=int, default=1, help='also time calls with that many images'
    )
    parser.add_argument(
        '--rebuild', action='store_true', help='compile also what is in the cache of plans'
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.check:
        items = _print_installation()
        return 1 if any(item.is_missing for item in items) else 0
    scope = _scope(options)
    models = _models(options)
    if options.output is not None:
        document_paths(options.output)
        if not options.output.resolve().parent.is_dir():
            raise ConfigError(f'{options.output.resolve().parent} is no folder; make it first')
    items = _print_installation()
    try:
        gpu = device.find_gpu()
    except EngineUnavailable as error:
        raise EngineUnavailable(f'there is no GPU to verify: {error}') from error
    trials = [
        GpuTrial(model, scope, options.batch, options.rebuild, BuildWatch(_ProgressLines().report))
        for model in models
    ]
    return _verify(trials, gpu, items, options.output)


def _scope(options: argparse.Namespace) -> Scope:
    """Return what is measured; raises ConfigError for numbers that cannot be."""
    scope = QUICK if options.quick else FULL
    runs = scope.runs if options.runs is None else options.runs
    if min(runs, options.batch) < 1:
        raise ConfigError('--runs and --batch are 1 or more')
    return replace(scope, runs=runs)


def _models(options: argparse.Namespace) -> list[Path]:
    """Return the models that are named, else the packaged ones, of which --quick takes one."""
    if options.model:
        return [find_model(each) for each in options.model]
    models = packaged_models()
    smallest = min(models, key=lambda path: path.stat().st_size)
    return [smallest] if options.quick else models


def _print_installation() -> tuple[InstalledItem, ...]:
    items = tuple(check_installation())
    print(f'{installation_text(items)}\n', flush=True)
    return items


def _verify(
    trials: Sequence[GpuTrial],
    gpu: device.Gpu,
    items: tuple[InstalledItem, ...],
    output: Path | None,
) -> int:
    """Measure all models, print the tables and keep the report up to date all the while."""
    started_s, left_out = time.monotonic(), trials[0].scope.left_out
    made_at = datetime.now(timezone.utc).isoformat(timespec='seconds')
    report = GpuReport(made_at, conditions(gpu), (), items, (), left_out, is_complete=False)
    print(f'{format_values(report.conditions)}\n{format_values(gpu_state())}', flush=True)
    if left_out:
        print('\n'.join(['', '--quick leaves out:', *(f'  {each}' for each in left_out)]))
    for row in (row for trial in trials for row in measure(trial)):
        print(f'{row.model}: {row.name}: {row.missing or "done"}', file=sys.stderr)
        report = replace(_with_row(report, row), took_s=round(time.monotonic() - started_s, 1))
        _write(output, report)
    report = replace(report, is_complete=True)
    _write(output, report)
    print(f'{report.text()}\n\nit took {report.took_s:.0f} s')
    print(f'\nafter the last measurement:\n{format_values(gpu_state())}')
    is_wrong = any(row.is_wrong for row in report.measurements)
    return 1 if is_wrong or any(row.has_failed for row in report.rows) else 0


def _with_row(report: GpuReport, row: Row) -> GpuReport:
    if isinstance(row, StreamMeasurement):
        return replace(report, streams=(*report.streams, row))
    return replace(report, measurements=(*report.measurements, row))


class _ProgressLines:
    """Prints how far a build is, now and then."""

    def __init__(self) -> None:
        self._printed_s = -_REPORT_EVERY_S

    def report(self, progress: BuildProgress) -> None:
        """Print one line, unless the last one is young."""
        if progress.elapsed_s < self._printed_s:
            self._printed_s = -_REPORT_EVERY_S
        if progress.elapsed_s - self._printed_s >= _REPORT_EVERY_S:
            self._printed_s = progress.elapsed_s
            percent = '' if progress.percent < 0 else f' {progress.percent:.0f} %'
            print(f'{progress.elapsed_s:5.0f} s {progress.phase}{percent}', file=sys.stderr)


def _write(output: Path | None, report: GpuReport) -> None:
    """Write the report anew after each measurement: whatever ends the process leaves the rest."""
    if output is not None:
        write_documents(output, report)


if __name__ == '__main__':
    sys.exit(main())
