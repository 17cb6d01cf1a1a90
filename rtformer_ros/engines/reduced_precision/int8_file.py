# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""INT8 files: find the quantised form of a model that lies beside it, made from this model."""

from __future__ import annotations

from dataclasses import replace
import logging
from pathlib import Path
import re
from typing import TYPE_CHECKING

from rtformer_ros.engines.reduced_precision.cpu_features import (
    computes_int8,
    cpu_flags,
    describe_flags,
)
from rtformer_ros.errors import ModelError
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.model_metadata import QUANTISED_FROM

if TYPE_CHECKING:
    from rtformer_ros.engines.request import EngineRequest

_logger = logging.getLogger(__name__)

CPU_ENDING, TENSORRT_ENDING = 'int8_cpu', 'int8'
"""What build_engine appends to the name of a model, for CPUs and for TensorRT."""

# The property as protocol buffers write it: the key, the tag and length of the value, the value.
_ORIGIN = re.compile(re.escape(QUANTISED_FROM).encode() + rb'\x12\x40([0-9a-f]{64})')


def for_cpu(request: EngineRequest) -> EngineRequest:
    """
    Return a request for the CPU's INT8 file where one asks for INT8, others as they are.

    Raises ModelError as int8_file does; a CPU that may gain nothing is a warning.
    """
    if request.precision != 'int8':
        return request
    flags = cpu_flags()
    if request.device in ('auto', 'cpu') and not computes_int8(flags):
        _logger.warning(
            'precision is int8, for which this CPU has no instructions (%s): it may be no faster, '
            'and less exact; compare with precision auto',
            describe_flags(flags),
        )
    return replace(request, model=int8_file(request.model, CPU_ENDING), precision='auto')


def int8_file(model: Path, ending: str) -> Path:
    """
    Return MODEL_ENDING.onnx beside MODEL.onnx, or the model itself where it is that.

    ending: CPU_ENDING or TENSORRT_ENDING. Raises ModelError, with the command to type, where there
    is none or it was made from other weights.
    """
    if model.stem.endswith(f'_{ending}'):
        return model
    beside = model.with_name(f'{model.stem}_{ending}.onnx')
    target = 'cpu' if ending == CPU_ENDING else 'tensorrt'
    command = (
        f'ros2 run rtformer_ros build_engine {model} --onnx-only --precision int8 --for {target} '
        '--calibration FOLDER'
    )
    try:
        content = beside.read_bytes()
    except OSError as error:
        raise ModelError(
            f'precision is int8, but {beside.name} beside {model} cannot be read '
            f'({error.strerror}); make it: {command}'
        ) from error
    origin = _ORIGIN.search(content)
    if origin and origin[1].decode() != sha256_of(model):
        raise ModelError(
            f'{beside.name} was made from another {model.name} than the present one; make it '
            f'again: {command}'
        )
    return beside
