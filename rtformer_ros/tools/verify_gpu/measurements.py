# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measurements of a model in every runtime for a GPU; of those that fail, the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines import (
    BuildOptions,
    BuildWatch,
    EnginePrecision,
    EngineRequest,
    open_engine,
)
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan, PreparedPlan
from rtformer_ros.engines.tensorrt.build.verification import (
    LEAST_AGREEMENT,
    Reference,
    reference_of,
)
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import EngineError, EngineUnavailable, ModelError, RtformerError
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.tools.verify_gpu.conditions import gpu_state
from rtformer_ros.tools.verify_gpu.report import Measurement
from rtformer_ros.tools.verify_gpu.timing import time_calls

if TYPE_CHECKING:
    import numpy.typing as npt

PRECISIONS: tuple[EnginePrecision, ...] = ('fp16', 'fp32')
TORCH_MODES = ('eager', 'CUDA graph', 'compile')
_LONGEST = 300
# Images [N, H, W, 3] to class maps [N, H, W], both uint8 on the host.
_Run = Callable[[Any], 'npt.NDArray[np.uint8]']


@dataclass(frozen=True)
class GpuTrial:
    """
    What to measure of a model.

    model: an ONNX file; runs: timed calls of each runtime; batch: images in the larger calls, 1
    for no such calls; is_rebuilt: compile also what the cache has; watch: hears of compiling.
    """

    model: Path
    runs: int
    batch: int = 1
    is_rebuilt: bool = False
    watch: BuildWatch = field(default_factory=BuildWatch)

    @property
    def batches(self) -> list[int]:
        """Return the numbers of images in a call."""
        return sorted({1, self.batch})


def measure(trial: GpuTrial) -> Iterator[Measurement]:
    """Yield a measurement of each runtime; of one that fails, the reason."""
    try:
        reference = reference_of(EngineRequest(trial.model, 'onnxruntime', device='cpu'))
    # Here and below: a report with a gap is worth more than none, and libraries raise anything.
    except Exception as error:  # noqa: BLE001
        yield _gap(Measurement(trial.model.name, 'ONNX Runtime on the CPU'), error)
        return
    yield from _measure_tensorrt(trial, reference)
    name = 'ONNX Runtime on the GPU'
    yield _measured(trial, name, 1, lambda: _onnxruntime(trial), reference)
    yield from _measure_torch(trial, reference)


def find_weights(model: Path) -> Path:
    """
    Return the checkpoint beside a model that it was exported from.

    Raises ModelError where it is not there.
    """
    from rtformer_ros.engines.onnx_session import OnnxSession

    session = OnnxSession(EngineRequest(model, 'onnxruntime', device='cpu', threads=1))
    wanted = metadata_of(model, session.properties).checkpoint_sha256
    for path in sorted(model.parent.glob('*.safetensors')):
        if sha256_of(path) == wanted:
            return path
    raise ModelError(f'the weights of {model.name} are not in {model.parent}')


def _measure_tensorrt(trial: GpuTrial, reference: Reference) -> Iterator[Measurement]:
    for precision in PRECISIONS:
        for batch in trial.batches:
            # Once for both modes: a build that fails takes as long as one that succeeds.
            prepared = _prepare(trial, precision, batch)
            for mode in ('CUDA graph', 'plain'):
                name = f'TensorRT {precision.upper()}, {mode}'
                if isinstance(prepared, Exception):
                    yield _gap(Measurement(trial.model.name, name, batch), prepared)
                    continue
                opening = _opening_plan(prepared, use_graph=mode != 'plain')
                row = _measured(trial, name, batch, opening, reference)
                yield _with_record(row, prepared)


def _measure_torch(trial: GpuTrial, reference: Reference) -> Iterator[Measurement]:
    for mode in TORCH_MODES:
        for batch in trial.batches:
            opening = _opening_torch(trial, mode, batch, reference)
            yield _measured(trial, f'PyTorch FP16, {mode}', batch, opening, reference)


def _measured(
    trial: GpuTrial,
    name: str,
    batch: int,
    opening: Callable[[], AbstractContextManager[tuple[_Run, str]]],
    reference: Reference,
) -> Measurement:
    """Return the figures of a runtime that `opening` opens; it also gives a note."""
    row = Measurement(trial.model.name, name, batch, least_agreement=LEAST_AGREEMENT['fp16'])
    try:
        with opening() as (run, note):
            classes = [run(_repeated(image, batch))[0] for image in reference.images_nhwc]
            images_nhwc = _repeated(reference.images_nhwc[0], batch)
            return replace(
                row,
                agreement=reference.agreement_of(np.stack(classes)),
                timing=time_calls(lambda: run(images_nhwc), trial.runs, batch),
                state=gpu_state(),
                note=note,
            )
    except Exception as error:  # noqa: BLE001
        return _gap(row, error)


def _prepare(trial: GpuTrial, precision: EnginePrecision, batch: int) -> PreparedPlan | Exception:
    """Return a plan, or why there is none."""
    try:
        options = BuildOptions(max_batch=batch)
        request = EngineRequest(
            trial.model, 'tensorrt', precision=precision, build=options, watch=trial.watch
        )
        return prepare_plan(request, force=trial.is_rebuilt, is_exact=True)
    except Exception as error:  # noqa: BLE001
        return error


def _with_record(row: Measurement, prepared: PreparedPlan) -> Measurement:
    """Add what was said when the plan was built."""
    record = prepared.record
    origin = '' if prepared.is_new else 'plan from the cache'
    asked = record.key.precision
    other = f'the plan is {record.precision.upper()}' if record.precision != asked else ''
    note = ', '.join(filter(None, (row.note, origin, other, *record.notes)))
    return replace(row, build_s=record.build_s, note=note)


def _opening_plan(
    prepared: PreparedPlan, *, use_graph: bool
) -> Callable[[], AbstractContextManager[tuple[_Run, str]]]:
    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        runner = PlanRunner(prepared.plan, prepared.metadata, use_graph=use_graph)
        try:
            yield lambda images: runner.run(images).class_map_nhw, runner.how
        finally:
            runner.close()

    return opening


@contextmanager
def _onnxruntime(trial: GpuTrial) -> Iterator[tuple[_Run, str]]:
    engine = open_engine(EngineRequest(trial.model, 'onnxruntime', device='cuda'))
    try:
        yield lambda images: engine.infer(images).class_map_nhw, ''
    finally:
        engine.close()


def _opening_torch(
    trial: GpuTrial, mode: str, batch: int, reference: Reference
) -> Callable[[], AbstractContextManager[tuple[_Run, str]]]:
    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        from rtformer_ros.tools.verify_gpu.torch_segmenter import TorchSegmenter

        images_nhwc = _repeated(reference.images_nhwc[0], batch)
        segmenter = TorchSegmenter(find_weights(trial.model), mode, images_nhwc)
        yield segmenter.run, 'autocast'

    return opening


def _repeated(image_hwc: npt.NDArray[np.uint8], batch: int) -> npt.NDArray[np.uint8]:
    return np.repeat(image_hwc[np.newaxis], batch, axis=0)


def _gap(row: Measurement, error: Exception) -> Measurement:
    """Return the row of what could not be measured, with one line that says why."""
    text = ' '.join(str(error).split())
    is_ours = isinstance(error, RtformerError)
    # A library that is not here is no failure; PyTorch's are no concern of this package.
    has_failed = isinstance(error, EngineError) and not isinstance(error, EngineUnavailable)
    return replace(
        row, missing=text if is_ours else f'{error!r}'[:_LONGEST], has_failed=has_failed
    )
