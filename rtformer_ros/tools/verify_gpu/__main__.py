# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Try every packaged model on this machine's GPU: is it right, and how fast is it?

    ros2 run rtformer_ros verify_gpu --output report.json

Builds the TensorRT plans, compares their classes with ONNX Runtime's on real images, and times
TensorRT (CUDA graph and plain), ONNX Runtime on the GPU, and PyTorch in FP16 (eager, CUDA graph,
compiled) side by side: from pixels on the host to class map and confidence on the host.
First it says of each thing that this needs whether it is installed, and what mends it; with
--check only that.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
import sys

from rtformer_ros.engines import BuildProgress, BuildWatch
from rtformer_ros.engines.tensorrt import device
from rtformer_ros.errors import ConfigError, EngineUnavailable
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_model, share_directories
from rtformer_ros.tools.command_line import run_tool
from rtformer_ros.tools.verify_gpu.conditions import conditions, format_values, gpu_state
from rtformer_ros.tools.verify_gpu.installation import (
    check_installation,
    installation_text,
    InstalledItem,
)
from rtformer_ros.tools.verify_gpu.measurements import GpuTrial, measure
from rtformer_ros.tools.verify_gpu.report import GpuReport, Measurement, table_of

_RUNS, _REPORT_EVERY_S = 300, 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Returns 1 without a GPU, where a runtime fails or is wrong, and where --check finds less than
    is needed.
    """
    options = _parser().parse_args(arguments)
    return run_tool('verify_gpu', lambda: _run(options))


def packaged_models() -> list[Path]:
    """Return the ONNX models that come with the package; raises ConfigError where none does."""
    for share in share_directories():
        models = sorted(share.glob('models/*.onnx'))
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
    parser.add_argument('--output', type=Path, help='JSON file to write the report to')
    parser.add_argument(
        '--runs', type=int, default=_RUNS, help='timed calls of each (default: %(default)s)'
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
    models = [find_model(each) for each in options.model] or packaged_models()
    if options.output is not None and not options.output.resolve().parent.is_dir():
        raise ConfigError(f'{options.output.resolve().parent} is no folder; make it first')
    if min(options.runs, options.batch) < 1:
        raise ConfigError('--runs and --batch are 1 or more')
    items = _print_installation()
    try:
        gpu = device.find_gpu()
    except EngineUnavailable as error:
        raise EngineUnavailable(f'there is no GPU to verify: {error}') from error
    return _verify(models, gpu, items, options)


def _print_installation() -> tuple[InstalledItem, ...]:
    items = tuple(check_installation())
    print(f'{installation_text(items)}\n', flush=True)
    return items


def _verify(
    models: Sequence[Path],
    gpu: device.Gpu,
    items: tuple[InstalledItem, ...],
    options: argparse.Namespace,
) -> int:
    """Measure all models, print the table and keep the report up to date all the while."""
    made_at = datetime.now(timezone.utc).isoformat(timespec='seconds')
    facts = conditions(gpu)
    print(f'{format_values(facts)}\n{format_values(gpu_state())}', flush=True)
    rows: list[Measurement] = []
    for model in models:
        watch = BuildWatch(report=_ProgressLines().report)
        trial = GpuTrial(model, options.runs, options.batch, options.rebuild, watch)
        for row in measure(trial):
            rows.append(row)
            print(f'{row.model}: {row.runtime}: {row.missing or "done"}', file=sys.stderr)
            _write(options.output, GpuReport(made_at, facts, tuple(rows), items).to_json())
    print(table_of(rows))
    print(f'\nafter the last measurement:\n{format_values(gpu_state())}')
    return 1 if any(row.is_wrong or row.has_failed for row in rows) else 0


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


def _write(path: Path | None, content: str) -> None:
    """Write the report anew after each measurement: whatever ends the process leaves the rest."""
    if path is not None:
        write_atomically(path, content.encode())


if __name__ == '__main__':
    sys.exit(main())
