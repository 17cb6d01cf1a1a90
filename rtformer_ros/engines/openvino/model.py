# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read and run ONNX models with OpenVINO; every exception of that library is translated here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TYPE_CHECKING

import numpy as np
import openvino
from rtformer_ros.deploy.external_data import external_files
from rtformer_ros.engines.openvino.cache import compiled_models
from rtformer_ros.errors import EngineError, EngineUnavailable, ModelError, RtformerError

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.model_metadata import InputFormat

VERSION: str = openvino.__version__.partition('-')[0]

_INPUT_TYPES = ('uint8', 'float32', 'float16')


class OpenVinoModel:
    """
    An ONNX model with one input tensor, as OpenVINO has read it.

    properties: the text properties of the file. input_shape: its input's dimensions, 0 where any
    size fits; the first is 1 where any number of images fits: one at a time is no slower, and
    another number would be prepared while it is waited for. input_dtype: uint8, float32 or
    float16. output_names: in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        """Read a file; raises ModelError unless it is an ONNX model that takes images."""
        self.path = path
        # Before the library sees the file, which may name any other.
        try:
            external_files(path)
        except ModelError as error:
            raise ModelError(f'{path} cannot be loaded as an ONNX model: {error}') from error
        with _translated(f'{path} cannot be loaded as an ONNX model', ModelError):
            self._core = openvino.Core()
            # Resolved: OpenVINO refuses weights behind a link, as an install with links has them.
            self._graph: Any = self._core.read_model(path.resolve())
            self.properties = _properties(self._graph)
            batch, *rest, self.input_dtype = _only_input(self._graph, path)
            self.output_names = tuple(_name_of(each) for each in self._graph.outputs)
        self.input_shape: tuple[int, ...] = (batch or 1, *rest)

    def compile(
        self,
        device: str,
        settings: Mapping[str, object],
        size: tuple[int, int],
        form: InputFormat,
    ) -> CompiledModel:
        """
        Make the model ready to run; the result is kept for the next start where it can be.

        device: 'cpu', 'gpu', 'gpu:1' or 'npu'. settings: properties of the device, by OpenVINO's
        names. size: (height, width) in pixels of the input; GPUs and NPUs take no other then.
        form: says where in its shape they stand.
        Raises EngineUnavailable where there is no such device, EngineError where it fails.
        """
        name = self._device_name(device)
        if name != 'CPU':
            with _translated(f'{self.path} cannot be reshaped', ModelError):
                self._graph.reshape([self.input_shape[0], *form.image_shape(size)])
        with (
            _translated(f'OpenVINO cannot compile {self.path.name}', EngineError),
            compiled_models() as folder,
        ):
            cached = {**settings, 'CACHE_DIR': str(folder)} if folder else dict(settings)
            compiled = self._core.compile_model(self._graph, name, cached)
            return CompiledModel(self, compiled.create_infer_request())

    def _device_name(self, device: str) -> str:
        kind, _, index = device.upper().partition(':')
        present = self._core.available_devices
        matching = [each for each in present if each.split('.')[0] == kind]
        if not matching or (index and f'{kind}.{index}' not in matching):
            raise EngineUnavailable(
                f'device is {device}, but OpenVINO {VERSION} sees only {", ".join(present)} here; '
                "install the driver of Intel's GPU or NPU, or set device to cpu"
            )
        return f'{kind}.{index}' if index else kind


class CompiledModel:
    """A model that is ready to run on a device; input_shape, input_dtype: as of OpenVinoModel."""

    def __init__(self, model: OpenVinoModel, request: Any) -> None:
        """Take over an inference request for a model, of which only name and input are kept."""
        self._name = model.path.name
        self.input_shape = model.input_shape
        self.input_dtype = model.input_dtype
        self.output_names = model.output_names
        self._request = request
        self._is_interrupted = False

    def run(self, tensor: npt.NDArray[Any], names: Sequence[str]) -> list[npt.NDArray[Any]]:
        """
        Return the outputs of these names for one input, as the caller's.

        Raises EngineError when the library fails.
        """
        writable = np.require(tensor, requirements=('C', 'W'))
        with _translated(f'OpenVINO failed on {self._name}', EngineError):
            self._request.set_input_tensor(0, openvino.Tensor(writable, shared_memory=True))
            self._request.start_async()
            # Either this sees that it was interrupted, or `interrupt` finds it started.
            if self._is_interrupted:
                self._request.cancel()
            self._request.wait()
            places = [self.output_names.index(name) for name in names]
            return [np.array(self._request.get_output_tensor(place).data) for place in places]

    def interrupt(self) -> None:
        """Make `run` fail, now or when it is called next, for good."""
        self._is_interrupted = True
        self._request.cancel()


@contextmanager
def _translated(what: str, kind: type[RtformerError]) -> Iterator[None]:
    try:
        yield
    except RtformerError:
        raise
    # The library raises RuntimeError for nearly all, and TypeError and others of its bindings.
    except Exception as error:
        text = ' '.join(line.strip() for line in str(error).splitlines() if line.strip())
        raise kind(f'{what}: {text}') from error


def _properties(graph: Any) -> dict[str, str]:
    """Return the text properties that the reader of the file handed on."""
    if 'framework' not in graph.get_rt_info():
        return {}
    return {key: str(value) for key, value in graph.get_rt_info(['framework']).value.items()}


def _name_of(output: Any) -> str:
    return str(output.any_name) if output.names else ''


def _only_input(graph: Any, path: Path) -> tuple[Any, ...]:
    """Return the four dimensions of the only input, 0 for any, and its element type."""
    found = [(i.get_element_type().to_dtype(), i.get_partial_shape()) for i in graph.inputs]
    if len(found) != 1 or found[0][0].name not in _INPUT_TYPES or len(found[0][1]) != 4:
        listing = ', '.join(
            f'{i.any_name}: {i.get_element_type().to_string()} {i.get_partial_shape()}'
            for i in graph.inputs
        )
        raise ModelError(
            f'{path} has the inputs {listing or "none"}; expected one batch of images with four '
            'dimensions, of uint8, float or float16'
        )
    dtype, shape = found[0]
    return (*(dim.get_length() if dim.is_static else 0 for dim in shape), np.dtype(dtype))
