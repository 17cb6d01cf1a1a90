# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Compile a model with TensorRT ahead of time; make FP16 and INT8 models on any machine.

    python -m rtformer_ros.tools.build_engine MODEL.onnx --precision fp16
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
import sys
from typing import Literal

from rtformer_ros.engines import BuildProgress, BuildWatch, EngineRequest
from rtformer_ros.engines.tensorrt.bindings import is_strongly_typed, load_tensorrt
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan, PreparedPlan
from rtformer_ros.engines.tensorrt.plans.record import sidecar_of
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildError,
    EngineUnavailable,
    pip_install,
    RtformerError,
)
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.processes.executables import INTERRUPTED
from rtformer_ros.tools.build_engine import cpu_gain
from rtformer_ros.tools.build_engine.options import (
    BuildEngineOptions,
    parse_build_engine_options,
)
from rtformer_ros.tools.build_engine.precision_change import (
    describe_agreement,
    describe_scores,
    find_pictures,
    mean_iou,
    ModelForm,
    write_in_form,
)

Prepare = Callable[[EngineRequest, bool], PreparedPlan]
"""From a request, and whether to build in any case, to its plan."""

_FORM_NAMES = {'fp16': 'FP16', 'int8': 'INT8', 'int8_cpu': 'INT8 for CPUs'}
_BAR = '{desc}: {percentage:3.0f}%|{bar:20}| {elapsed}'


def main(arguments: Sequence[str] | None = None, prepare: Prepare | None = None) -> int:
    """Run the command line; return the exit code. prepare: what gets the plan."""
    made: list[Path] = []
    try:
        options = parse_build_engine_options(arguments)
        model = _model_to_build(options, made)
        if not options.onnx_only:
            for encoding in ('', options.frame_encoding) if options.frame_encoding else ('',):
                _build(model, options, prepare or _prepare, encoding)
    except RtformerError as error:
        print(f'build_engine: {error}', file=sys.stderr)
        for hint in _hints(error, made):
            print(f'build_engine: {hint}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f'build_engine: needs {error.name}: {pip_install(error.name or "")}',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print('build_engine: called off; no plan was kept', file=sys.stderr)
        return INTERRUPTED
    return 0


def _hints(error: RtformerError, made: Sequence[Path]) -> Iterator[str]:
    """Say what was done nevertheless, and what can be done here."""
    for path in made:
        yield (
            f'{path} is made, but no plan of it. Copy it to the robot and run there: '
            f'ros2 run rtformer_ros build_engine {path.name}'
        )
    if isinstance(error, EngineUnavailable) and not made:
        yield 'nothing was made. Models in FP16 and INT8 can be made here, with --onnx-only'


def _model_to_build(options: BuildEngineOptions, made: list[Path]) -> Path:
    """Return the model that a plan is asked for; if need be make it, and add it to `made`."""
    model = find_model(options.model)
    if model.suffix != '.onnx':
        raise ConfigError(
            f"{model.name} is no ONNX file; export it first: 'ros2 run rtformer_ros export'"
        )
    precision = options.precision
    if precision == 'fp32' or (precision != 'int8' and not options.onnx_only):
        return model
    from rtformer_ros.deploy.graph_precision import precision_of
    from rtformer_ros.deploy.onnx_file import read_onnx

    own = precision_of(read_onnx(model))
    if own == precision and not options.onnx_only:
        return model
    output = _change_precision(model, options)
    made.append(output)
    return output


def _change_precision(model: Path, options: BuildEngineOptions) -> Path:
    """Write the model in FP16 or INT8 and say what that costs; return its path."""
    pictures: list[Path] = []
    if options.precision == 'int8':
        if options.calibration is None:
            raise ConfigError(
                '--precision int8 needs --calibration FOLDER with ten or more images like those '
                'that the robot sees'
            )
        pictures = find_pictures(options.calibration, options.calibration_limit)
    form: ModelForm = 'fp16'
    if options.precision == 'int8':
        form = 'int8_cpu' if options.target == 'cpu' else 'int8'
    output = _onnx_path(model, form, options)
    # First: a data set that cannot be read is told before the minutes of quantising.
    scoring = options.scoring
    before = mean_iou(model, scoring, options.size) if scoring else 0.0
    rest = _rest(options) if form == 'int8' else 'fp16'
    write_in_form(model, output, form, pictures, options.size, rest)
    calibrated = f', calibrated on {len(pictures)} images' if pictures else ''
    name = f'{_FORM_NAMES[form]}{", the rest FP32 for TensorRT 8" if rest == "fp32" else ""}'
    print(f'wrote {output}: {name}{calibrated}')
    print(describe_agreement(model, output, pictures, options.size), flush=True)
    if form == 'int8_cpu':
        _report_cpu_gain(model, output, options)
    if scoring:
        print(
            describe_scores(scoring, before, mean_iou(output, scoring, options.size)), flush=True
        )
    return output


def _rest(options: BuildEngineOptions) -> Literal['fp16', 'fp32']:
    """Return what an INT8 model leaves in floating point for the TensorRT that it is made for."""
    if options.target == 'tensorrt8':
        return 'fp32'
    try:
        return 'fp16' if is_strongly_typed(load_tensorrt()) else 'fp32'
    except EngineUnavailable:
        return 'fp16'


def _report_cpu_gain(model: Path, output: Path, options: BuildEngineOptions) -> None:
    """Say how much faster INT8 is here, and warn where it is not."""
    gain = cpu_gain.measure_cpu_gain(model, output, options.size)
    print(f'{output.name} is {gain}', flush=True)
    if gain.ratio < cpu_gain.LEAST_GAIN:
        print(
            f'build_engine: warning: INT8 is no gain on this machine; {model.name} is as fast and '
            'more exact here. It gains on CPUs with avx512_vnni, avx_vnni or asimddp',
            file=sys.stderr,
        )


def _onnx_path(model: Path, form: ModelForm, options: BuildEngineOptions) -> Path:
    """Return where to write a model: as asked, else beside the plan or the old model."""
    if options.output and options.onnx_only:
        return options.output
    folder = options.output.parent if options.output else model.parent
    return folder / f'{model.stem}_{form}.onnx'


def _build(
    model: Path, options: BuildEngineOptions, prepare: Prepare, frame_encoding: str
) -> None:
    """Get the plan, copy it where it is wanted and say what it is."""
    with _progress_bar() as watch:
        request = EngineRequest(
            model,
            'tensorrt',
            device=options.device,
            network_size=options.size,
            # A model in INT8 carries its precision.
            precision='auto' if options.precision == 'int8' else options.precision,
            build=options.build,
            watch=watch,
            frame_encoding=frame_encoding,
        )
        prepared = prepare(request, options.force)
    if options.output:
        _write_copy(prepared, options.output)
    elif prepared.path is None:
        raise EngineBuildError(
            'the plan was built but could not be kept (the reason stands above); choose a file '
            'for it with --output'
        )
    print(_summary(prepared, options.output))


def _prepare(request: EngineRequest, force: bool) -> PreparedPlan:
    return prepare_plan(request, force=force, is_exact=True)


@contextmanager
def _progress_bar() -> Iterator[BuildWatch]:
    """Give a watch that draws a bar once there is something to tell."""
    from tqdm import tqdm

    bar: tqdm | None = None

    def report(progress: BuildProgress) -> None:
        nonlocal bar
        bar = bar or tqdm(total=100, bar_format=_BAR)
        bar.set_description_str(progress.phase, refresh=False)
        bar.n = max(0, round(progress.percent))
        bar.refresh()

    try:
        yield BuildWatch(report)
    finally:
        if bar is not None:
            bar.close()


def _write_copy(prepared: PreparedPlan, output: Path) -> None:
    write_atomically(output, prepared.plan)
    write_atomically(sidecar_of(output), prepared.record.to_json())


def _summary(prepared: PreparedPlan, output: Path | None) -> str:
    record = prepared.record
    state = (
        f'built in {record.build_s:.0f} s'
        if prepared.is_new
        else 'was there already (--force builds it again)'
    )
    lines = [
        f'{output or prepared.path}: {state}',
        f'{record.precision.upper()} at optimisation level {record.optimization_level}, '
        f'{record.plan_bytes / (1 << 20):.1f} MiB, for TensorRT '
        f'{record.key.target.tensorrt_version} on {record.key.target.gpu}',
        f'agrees with ONNX Runtime on {record.agreement:.2%} of the pixels of a real image',
        *(f'note: {note}' for note in record.notes),
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
