# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An ONNX Runtime session; every exception of that library is translated here."""

from __future__ import annotations

from contextlib import contextmanager
import logging
from typing import Any, TYPE_CHECKING

import numpy as np
import onnxruntime
from rtformer_ros.deploy.external_data import external_files
from rtformer_ros.engines.preparation.optimized_model import optimized_model
from rtformer_ros.engines.preparation.session_options import LOG_FATAL_ONLY, session_options
from rtformer_ros.errors import (
    EngineError,
    EngineUnavailable,
    ModelError,
    pip_install,
    RtformerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest

_logger = logging.getLogger(__name__)
_Provider = str | tuple[str, dict[str, int]]

CPU, CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'

_ELEMENT_TYPES: dict[str, np.dtype[Any]] = {
    'tensor(uint8)': np.dtype(np.uint8),
    'tensor(float)': np.dtype(np.float32),
    'tensor(float16)': np.dtype(np.float16),
}


class OnnxSession:
    """
    A loaded ONNX model with one input tensor.

    provider: 'CPUExecutionProvider' or 'CUDAExecutionProvider'. properties: the text properties of
    the file. input_shape: its input's dimensions, 0 where any size fits. input_dtype: uint8,
    float32 or float16. output_names: in the order of the file.
    """

    def __init__(self, request: EngineRequest) -> None:
        """
        Load the model of a request.

        Raises ModelError for a file that is no ONNX model or whose input is no batch of images,
        EngineUnavailable where CUDA is asked for and missing.
        """
        self._model = request.model
        session = _load_best(request)
        self._session = session
        self.provider: str = session.get_providers()[0]
        # Texts that are none are found here, when they become Python's.
        with translated(_cannot_load(request), ModelError):
            self.properties: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
            inputs = [(each.name, each.type, each.shape) for each in session.get_inputs()]
            self.output_names = tuple(str(each.name) for each in session.get_outputs())
        self._input_name, self.input_shape, self.input_dtype = _only_input(inputs, request.model)
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = LOG_FATAL_ONLY

    def run(self, tensor: npt.NDArray[Any], names: Sequence[str]) -> list[npt.NDArray[Any]]:
        """
        Return the outputs of these names for one input; what only others need is not computed.

        Raises EngineError when the library fails.
        """
        with translated(f'ONNX Runtime failed on {self._model.name}', EngineError):
            outputs: list[npt.NDArray[Any]] = self._session.run(
                list(names), {self._input_name: tensor}, self._options
            )
        return outputs

    def interrupt(self) -> None:
        """Make `run` fail, now or when it is called next, for good."""
        self._options.terminate = True


@contextmanager
def translated(what: str, kind: type[RtformerError]) -> Iterator[None]:
    """Raise what the library raises as an error of that kind, which begins with `what`."""
    try:
        yield
    # The library's exceptions have no base of their own: they are bare children of Exception.
    except Exception as error:
        raise kind(f'{what}: {error}') from error


def _load_best(request: EngineRequest) -> onnxruntime.InferenceSession:
    """Return a session on CUDA where that is wanted and works, else on the CPU."""
    if request.device == 'cpu':
        return _load(request, [CPU])
    if CUDA not in onnxruntime.get_available_providers():
        if request.device == 'auto':
            return _load(request, [CPU])
        raise EngineUnavailable(
            f'device is {request.device}, but this build of ONNX Runtime '
            f'({onnxruntime.__version__}) has no CUDA: put onnxruntime-gpu in place of it '
            f'(pip uninstall onnxruntime, then {pip_install("onnxruntime-gpu")}; on a Jetson the '
            'one for its JetPack, see docs/jetson.md), or set device to cpu'
        )
    return _load_on_cuda(request)


def _load_on_cuda(request: EngineRequest) -> onnxruntime.InferenceSession:
    try:
        session = _load(request, [(CUDA, {'device_id': request.cuda_index}), CPU])
        if session.get_providers()[0] == CUDA:
            return session
        reason = 'its CUDA provider does not load'
    except ModelError as error:
        reason = str(error)
    # Where the file is at fault, and not CUDA, this says so.
    session = _load(request, [CPU])
    message = (
        f'ONNX Runtime {onnxruntime.__version__} cannot use CUDA here ({reason}); check the '
        'driver with nvidia-smi and install the CUDA and cuDNN that this build was made for'
    )
    if request.device != 'auto':
        raise EngineUnavailable(f'device is {request.device}, but {message}, or set device to cpu')
    _logger.warning('running on the CPU: %s', message)
    return session


def _load(request: EngineRequest, providers: list[_Provider]) -> onnxruntime.InferenceSession:
    with translated(_cannot_load(request), ModelError):
        external_files(request.model)
    if request.gives_way and providers == [CPU]:
        with optimized_model(request.model, request.watch.is_cancelled) as optimized:
            if optimized is not None:
                return _session(request, optimized, providers, is_optimized=True)
    return _session(request, request.model, providers)


def _session(
    request: EngineRequest, path: Path, providers: list[_Provider], *, is_optimized: bool = False
) -> onnxruntime.InferenceSession:
    options = session_options(request.thread_count, is_optimized=is_optimized)
    with translated(_cannot_load(request), ModelError):
        return onnxruntime.InferenceSession(
            str(path),
            options,
            providers=providers,
            # Else a failure prints a banner, and the same is tried once more.
            enable_fallback=0,
        )


def _cannot_load(request: EngineRequest) -> str:
    return f'{request.model} cannot be loaded as an ONNX model'


def _only_input(
    inputs: list[tuple[str, str, list[int | str | None]]], model: Path
) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    found = ', '.join(f'{name}: {kind} {shape}' for name, kind, shape in inputs)
    if len(inputs) != 1 or inputs[0][1] not in _ELEMENT_TYPES or len(inputs[0][2]) != 4:
        raise ModelError(
            f'{model} has the inputs {found or "none"}; expected one batch of images with four '
            'dimensions, of uint8, float or float16'
        )
    [(name, kind, sizes)] = inputs
    shape = tuple(size if isinstance(size, int) else 0 for size in sizes)
    return name, shape, _ELEMENT_TYPES[kind]
