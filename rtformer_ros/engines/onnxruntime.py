"""Run ONNX models with ONNX Runtime, on the CPU or with CUDA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.fp32_model import fp32_model
from rtformer_ros.engines.model_outputs import check_outputs
from rtformer_ros.engines.onnx_session import CPU, CUDA, OnnxSession
from rtformer_ros.engines.request import fixed_size
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensor_format import decode_outputs, encode_images
from rtformer_ros.errors import ConfigError, EngineUnavailable, ModelError
from rtformer_ros.model_metadata import HALF_QUANTISED

if TYPE_CHECKING:
    import numpy.typing as npt

    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import SegmentationBatch


class OnnxRuntimeEngine(Engine):
    """An ONNX model, ours or another's, in an ONNX Runtime session."""

    def __init__(
        self, description: EngineDescription, session: OnnxSession, metadata: ModelMetadata
    ) -> None:
        """Take over an open session; `metadata` says how it is fed and what it returns."""
        super().__init__(description)
        self._session: OnnxSession | None = session
        self._metadata = metadata

    @classmethod
    def open(cls, request: EngineRequest) -> OnnxRuntimeEngine:
        """
        Open an ONNX file and run it once.

        Raises ModelError for a file that is no ONNX model or not one that segments images,
        ConfigError, EngineUnavailable and EngineError as open_engine says.
        """
        if request.precision != 'auto':
            raise ConfigError(
                f'precision is {request.precision}, but an ONNX file has the precision that it was '
                'exported with; leave precision auto and export the model as wanted'
            )
        session = _session(request)
        metadata = metadata_of(request.model, session.properties)
        height, width = _input_size(session, metadata, request)
        warm_up = np.zeros((1, height, width, 3), np.uint8)
        outputs = _run_in_chunks(session, metadata, warm_up)
        chosen = check_outputs(outputs, metadata, (height, width), request)
        description = EngineDescription(
            engine='onnxruntime',
            device=f'cuda:{request.cuda_index}' if session.provider == CUDA else 'cpu',
            model=request.model,
            height=height,
            width=width,
            labels=chosen.labels,
            labels_warning=chosen.warning,
            detail=f'ONNX Runtime {onnxruntime.__version__}, {session.provider}, '
            f'{request.thread_count} CPU thread(s)',
        )
        return cls(description, session, metadata)

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._session is not None
        outputs = _run_in_chunks(self._session, self._metadata, images_nhwc)
        described = self.description
        size = (described.height, described.width)
        return decode_outputs(outputs, self._metadata.output, size, len(described.labels))

    def _interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def _release(self) -> None:
        self._session = None


def _session(request: EngineRequest) -> OnnxSession:
    session = OnnxSession(request)
    if session.provider != CPU or HALF_QUANTISED not in session.properties:
        return session
    # On a CPU the library cuts off where it should round such values, and the classes are wrong.
    try:
        with fp32_model(request.model) as model:
            return OnnxSession(replace(request, model=model))
    except ImportError as error:
        raise EngineUnavailable(
            f'{request.model.name} quantises from half precision, which a CPU gets wrong; it is '
            f'rewritten in single precision first, which needs onnx ({error}): pip install onnx'
        ) from error


def _run_in_chunks(
    session: OnnxSession, metadata: ModelMetadata, images_nhwc: npt.NDArray[np.uint8]
) -> list[npt.NDArray[Any]]:
    """Return the outputs for N images, also from a model that is made for another number."""
    tensor = encode_images(images_nhwc, metadata.input, session.input_dtype)
    count, chunk = len(tensor), session.input_shape[0] or len(tensor)
    if count == chunk:
        return session.run(tensor)
    padding = -count % chunk
    padded = np.concatenate([tensor, np.repeat(tensor[-1:], padding, axis=0)])
    parts = [session.run(padded[i : i + chunk]) for i in range(0, len(padded), chunk)]
    return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]


def _input_size(
    session: OnnxSession, metadata: ModelMetadata, request: EngineRequest
) -> tuple[int, int]:
    """Return (height, width) of the input; raises ModelError unless it fits the metadata."""
    _, *rest = session.input_shape
    is_nhwc = metadata.input.layout == 'nhwc_uint8'
    channels, height, width = (rest[2], *rest[:2]) if is_nhwc else rest
    if channels not in (0, 3) or (session.input_dtype == np.uint8) != is_nhwc:
        raise ModelError(
            f'{request.model} takes {session.input_dtype} {list(session.input_shape)} '
            f'(0: any size), but is described as {metadata.input.layout} with 3 channels; mend '
            'the layout in its description'
        )
    return fixed_size(height or metadata.height, width or metadata.width, request)
