# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measurements of a model in every runtime for a GPU; of those that fail, the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rtformer_ros.engines import BuildOptions, BuildWatch, EngineRequest
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan, PreparedPlan
from rtformer_ros.engines.tensorrt.build.verification import (
    LEAST_AGREEMENT,
    Reference,
    reference_of,
)
from rtformer_ros.errors import EngineError, EngineUnavailable, RtformerError
from rtformer_ros.tools.benchmark.streams import StreamCase
from rtformer_ros.tools.verify_gpu.conditions import gpu_state
from rtformer_ros.tools.verify_gpu.power import measure_power
from rtformer_ros.tools.verify_gpu.report import Measurement, Row, StreamMeasurement
from rtformer_ros.tools.verify_gpu.runtimes.openings import (
    Opening,
    opening_frames,
    opening_onnxruntime,
    opening_plan,
    opening_torch,
)
from rtformer_ros.tools.verify_gpu.runtimes.subjects import FrameSubject, ImageSubject, repeated
from rtformer_ros.tools.verify_gpu.scope import FULL, Scope
from rtformer_ros.tools.verify_gpu.streams import measure_stream, NodeSetup, not_streamed
from rtformer_ros.tools.verify_gpu.timing import time_calls
from rtformer_ros.tools.verify_gpu.variants import Variant, VARIANTS, WrittenModel

_LONGEST = 300
# Share of pixels that differ as the host rounds between the steps of its resizing.
_ROUNDING = 0.01


@dataclass(frozen=True)
class GpuTrial:
    """
    What to measure of a model.

    model: an ONNX file; scope: in which ways; batch: images in the larger calls, 1 for no such
    calls; is_rebuilt: compile also what the cache has; watch: hears of compiling.
    """

    model: Path
    scope: Scope = FULL
    batch: int = 1
    is_rebuilt: bool = False
    watch: BuildWatch = field(default_factory=BuildWatch)

    @property
    def batches(self) -> list[int]:
        """Return the numbers of images in a call."""
        return sorted({1, self.batch})


@dataclass(frozen=True)
class _Compiled:
    """A variant of a model, its plan, and what to compare it with, None for the model itself."""

    variant: Variant
    written: WrittenModel
    plan: PreparedPlan
    reference: Reference | None = None


def measure(trial: GpuTrial) -> Iterator[Row]:
    """Yield a measurement of each runtime and stream; of one that fails, the reason."""
    try:
        reference = _reference_of(trial.model)
    # Here and below: a report with a gap is worth more than none, and libraries raise anything.
    except Exception as error:  # noqa: BLE001
        yield _gap(Measurement(trial.model.name, 'ONNX Runtime on the CPU'), error)
        return
    with TemporaryDirectory() as folder:
        for name in trial.scope.variants:
            yield from _measure_variant(trial, VARIANTS[name], Path(folder), reference)
    if trial.scope.has_onnxruntime:
        row = Measurement(trial.model.name, 'ONNX Runtime on the GPU')
        row = replace(row, least_agreement=LEAST_AGREEMENT['fp16'])
        yield _measured(
            trial, row, opening_onnxruntime(trial.model), partial(ImageSubject, reference)
        )
    # Last: PyTorch keeps memory of the GPU for as long as this process lives.
    yield from _measure_torch(trial, reference)


def _reference_of(model: Path) -> Reference:
    return reference_of(EngineRequest(model, 'onnxruntime', device='cpu'))


def _measure_variant(
    trial: GpuTrial, variant: Variant, folder: Path, reference: Reference
) -> Iterator[Row]:
    """Yield the measurements of the plans of a variant, then those of the node with them."""
    single: _Compiled | Exception | None = None
    for batch in trial.batches:
        # Once for both modes: a build that fails takes as long as one that succeeds.
        compiled = _compile(trial, variant, folder, batch)
        single = single or compiled
        for mode in trial.scope.plan_modes:
            row = Measurement(trial.model.name, f'TensorRT {variant.name}, {mode}', batch)
            row = replace(row, least_agreement=variant.least_agreement)
            if isinstance(compiled, Exception):
                yield _gap(row, compiled)
                continue
            opening = opening_plan(compiled.plan, use_graph=mode != 'plain')
            compared = compiled.reference or reference
            measured = _measured(trial, row, opening, partial(ImageSubject, compared))
            yield _with_record(measured, compiled)
    assert single is not None
    yield from _measure_streams(trial, variant, single, trial.scope.streams)
    if variant.name == trial.scope.variants[0]:
        for encoding in trial.scope.frame_encodings:
            yield from _measure_frames(trial, variant, single, encoding)


def _measure_frames(
    trial: GpuTrial, variant: Variant, compiled: _Compiled | Exception, encoding: str
) -> Iterator[Row]:
    """Yield frames that go in as they come, and prepared by the host, alone and in the node."""
    cases = tuple(replace(case, encoding=encoding) for case in trial.scope.frame_streams)
    for frame_encoding, how in ((encoding, 'as they come'), ('', 'prepared on the host')):
        name = f'TensorRT {variant.name}, 1080p frames of {encoding} {how}'
        least = variant.least_agreement - _ROUNDING
        row = Measurement(trial.model.name, name, least_agreement=least)
        if isinstance(compiled, Exception):
            row = _gap(row, compiled)
        else:
            request = _frames_request(trial, compiled, frame_encoding)
            opening = opening_frames(request, is_rebuilt=trial.is_rebuilt)
            row = _measured(trial, row, opening, lambda: FrameSubject.of(trial.model, encoding))
        yield row
        ready = EngineError(row.missing) if row.missing else compiled
        yield from _measure_streams(trial, variant, ready, cases, frame_encoding)


def _frames_request(trial: GpuTrial, compiled: _Compiled, frame_encoding: str) -> EngineRequest:
    return EngineRequest(
        compiled.written.path,
        'tensorrt',
        precision=compiled.variant.precision,
        build=BuildOptions(optimization_level=trial.scope.optimization_level),
        watch=trial.watch,
        frame_encoding=frame_encoding,
    )


def _measure_streams(
    trial: GpuTrial,
    variant: Variant,
    compiled: _Compiled | Exception,
    cases: Sequence[StreamCase],
    frame_encoding: str = '',
) -> Iterator[StreamMeasurement]:
    """Yield the streams of a node that finds its plan in the cache."""
    is_ready = isinstance(compiled, _Compiled) and compiled.plan.path is not None
    setup = NodeSetup(
        compiled.written.path if isinstance(compiled, _Compiled) else trial.model,
        trial.model.name,
        variant.name,
        precision=variant.precision,
        optimization_level=trial.scope.optimization_level,
        frame_encoding=frame_encoding,
    )
    for case in cases:
        if is_ready:
            yield measure_stream(setup, case)
        elif isinstance(compiled, Exception):
            yield not_streamed(setup, case, 'there is no plan, see TensorRT above')
        else:
            why = 'the plan could not be kept, and the node would build it for minutes'
            yield not_streamed(setup, case, why)


def _measure_torch(trial: GpuTrial, reference: Reference) -> Iterator[Measurement]:
    for mode in trial.scope.torch_modes:
        for batch in trial.batches:
            images_nhwc = repeated(reference.images_nhwc[0], batch)
            opening = opening_torch(trial.model, mode, images_nhwc)
            row = Measurement(trial.model.name, f'PyTorch FP16, {mode}', batch)
            row = replace(row, least_agreement=LEAST_AGREEMENT['fp16'])
            yield _measured(trial, row, opening, partial(ImageSubject, reference))


def _measured(
    trial: GpuTrial,
    row: Measurement,
    opening: Opening,
    make_subject: Callable[[], ImageSubject | FrameSubject],
) -> Measurement:
    """Return a row with the figures of a runtime that `opening` opens; it also gives a note."""
    try:
        subject = make_subject()
        with opening() as (run, note):
            inputs = subject.inputs(row.batch)
            agreement = subject.agreement_of([run(each) for each in inputs])
            timing = time_calls(lambda: run(inputs[0]), trial.scope.runs, row.batch)
            state = gpu_state()
            power, power_missing = measure_power(lambda: run(inputs[0]), trial.scope.power_s)
            return replace(
                row,
                agreement=agreement,
                timing=timing,
                state=state,
                note=note,
                power=power,
                power_missing=power_missing,
            )
    except Exception as error:  # noqa: BLE001
        return _gap(row, error)


def _compile(trial: GpuTrial, variant: Variant, folder: Path, batch: int) -> _Compiled | Exception:
    """Return the plan of a variant, or why there is none."""
    try:
        written = variant.write(trial.model, folder)
        reference = _reference_of(written.compared_with) if written.compared_with else None
        options = BuildOptions(optimization_level=trial.scope.optimization_level, max_batch=batch)
        request = EngineRequest(
            written.path,
            'tensorrt',
            precision=variant.precision,
            build=options,
            watch=trial.watch,
        )
        plan = prepare_plan(request, force=trial.is_rebuilt, is_exact=True)
    except Exception as error:  # noqa: BLE001
        return error
    return _Compiled(variant, written, plan, reference)


def _with_record(row: Measurement, compiled: _Compiled) -> Measurement:
    """Add what was said when the plan was built."""
    record = compiled.plan.record
    origin = '' if compiled.plan.is_new else 'plan from the cache'
    is_as_asked = record.precision == compiled.variant.plan_precision
    other = '' if is_as_asked else f'the plan is {record.precision.upper()}'
    note = ', '.join(filter(None, (row.note, origin, other, *record.notes, compiled.written.note)))
    return replace(row, build_s=record.build_s, note=note)


def _gap(row: Measurement, error: Exception) -> Measurement:
    """Return the row of what could not be measured, with one line that says why."""
    text = ' '.join(str(error).split())
    is_ours = isinstance(error, RtformerError)
    # A library that is not here is no failure; PyTorch's are no concern of this package.
    has_failed = isinstance(error, EngineError) and not isinstance(error, EngineUnavailable)
    return replace(
        row, missing=text if is_ours else f'{error!r}'[:_LONGEST], has_failed=has_failed
    )
