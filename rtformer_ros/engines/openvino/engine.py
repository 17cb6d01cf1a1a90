# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run ONNX models with OpenVINO, on the CPU or on Intel GPUs and NPUs."""

from __future__ import annotations

from collections.abc import Mapping, Set
import logging
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.fp32_model import without_half_quantisers
from rtformer_ros.engines.model_outputs import check_outputs
from rtformer_ros.engines.openvino.agreement import AgreementTrial
from rtformer_ros.engines.openvino.model import CompiledModel, OpenVinoModel, VERSION
from rtformer_ros.engines.openvino.trial_record import disagreement_text, LEAST_AGREEMENT
from rtformer_ros.engines.reduced_precision.cpu_features import (
    computes_bf16,
    cpu_flags,
    describe_flags,
)
from rtformer_ros.engines.reduced_precision.int8_file import for_cpu
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensor_format import input_size, run_in_chunks, segment_images
from rtformer_ros.errors import ConfigError, EngineUnavailable
from rtformer_ros.model_metadata import HALF_QUANTISED

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import SegmentationBatch

_logger = logging.getLogger(__name__)

_HINTS = {'fp32': 'f32', 'fp16': 'f16', 'bf16': 'bf16'}


class OpenVinoEngine(Engine):
    """An ONNX model, ours or another's, compiled by OpenVINO."""

    def __init__(
        self, description: EngineDescription, model: CompiledModel, metadata: ModelMetadata
    ) -> None:
        """Take over a compiled model; `metadata` says how it is fed and what it returns."""
        super().__init__(description)
        self._model: CompiledModel | None = model
        self._metadata = metadata

    @classmethod
    def open(cls, request: EngineRequest) -> OpenVinoEngine:
        """
        Compile an ONNX file, or take what was compiled before, and run it once.

        Raises ModelError for a file that is no ONNX model or not one that segments images,
        ConfigError, EngineUnavailable and EngineError as open_engine says.
        """
        flags = cpu_flags()
        request = for_cpu(request)
        device = 'cpu' if request.device == 'auto' else request.device
        wanted = settings_for(request, device, flags)
        model = _read(request)
        metadata = metadata_of(request.model, model.properties)
        size = input_size(model, metadata, request)
        trial = AgreementTrial(model, device, metadata, size, request)
        settings = _settings_that_hold(wanted, trial, request)
        compiled = trial.compiled(settings)
        with request.watch.interrupts(compiled.interrupt):
            outputs = run_in_chunks(compiled, metadata, np.zeros((1, *size, 3), np.uint8))
        chosen = check_outputs(outputs, metadata, size, request)
        description = EngineDescription(
            engine='openvino',
            device=device,
            model=request.model,
            height=size[0],
            width=size[1],
            labels=chosen.labels,
            labels_warning=chosen.warning,
            detail=_detail(settings),
        )
        return cls(description, compiled, metadata)

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._model is not None
        num_classes = len(self.description.labels)
        return segment_images(self._model, self._metadata, images_nhwc, num_classes)

    def _interrupt(self) -> None:
        model = self._model
        if model is not None:
            model.interrupt()

    def _release(self) -> None:
        self._model = None


def settings_for(request: EngineRequest, device: str, flags: Set[str]) -> dict[str, str | int]:
    """
    Return OpenVINO's properties for a request on a device; flags: features of the CPU.

    Raises ConfigError for a precision that the device does not compute in.
    """
    precision: str = request.precision
    settings: dict[str, str | int] = {'PERFORMANCE_HINT': 'LATENCY'}
    if device == 'cpu':
        if precision == 'auto':
            precision = 'bf16' if computes_bf16(flags) else 'fp32'
        # Threads that the scheduler may move leave the cores to the robot's other work.
        settings.update(
            NUM_STREAMS=1, INFERENCE_NUM_THREADS=request.thread_count, ENABLE_CPU_PINNING='NO'
        )
    is_missing = precision == ('fp16' if device == 'cpu' else 'bf16')
    if is_missing or (precision == 'bf16' and not computes_bf16(flags)):
        raise ConfigError(
            f'precision is {precision}, in which OpenVINO does not compute on {device} here '
            f'(CPU: {describe_flags(flags)}); use auto or fp32'
        )
    if precision in _HINTS:
        settings['INFERENCE_PRECISION_HINT'] = _HINTS[precision]
    return settings


def _settings_that_hold(
    settings: dict[str, str | int], trial: AgreementTrial, request: EngineRequest
) -> dict[str, str | int]:
    """
    Return the settings, in FP32 where nobody asked for a bf16 that changes too much.

    With `engine: auto` that raises EngineUnavailable: others are faster in FP32.
    """
    if request.precision != 'auto' or settings.get('INFERENCE_PRECISION_HINT') != 'bf16':
        return settings
    agreement = trial.agreement_of(settings)
    if agreement >= LEAST_AGREEMENT:
        return settings
    message = disagreement_text(request.model.name, agreement)
    if request.engine == 'auto':
        raise EngineUnavailable(message)
    exact: dict[str, str | int] = {**settings, 'INFERENCE_PRECISION_HINT': 'f32'}
    _logger.warning(
        'openvino computes in FP32 (precision bf16 insists on the other), on %s of the pixels: %s',
        f'{trial.agreement_of(exact):.2%}',
        message,
    )
    return exact


def _read(request: EngineRequest) -> OpenVinoModel:
    model = OpenVinoModel(request.model)
    if HALF_QUANTISED not in model.properties:
        return model
    with without_half_quantisers(request.model) as rewritten:
        return OpenVinoModel(rewritten)


def _detail(settings: Mapping[str, str | int]) -> str:
    names = {hint: name.upper() for name, hint in _HINTS.items()}
    hint = settings.get('INFERENCE_PRECISION_HINT')
    precision = names[str(hint)] if hint else "the device's own precision"
    threads = settings.get('INFERENCE_NUM_THREADS')
    where = f', {threads} CPU thread(s)' if threads else ''
    return f'OpenVINO {VERSION}, {precision}{where}'
