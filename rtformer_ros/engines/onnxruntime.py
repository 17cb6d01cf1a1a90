# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run ONNX models with ONNX Runtime, on the CPU or with CUDA."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.fp32_model import without_half_quantisers
from rtformer_ros.engines.frames.onnx_frame_session import OnnxFrameSession
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.model_outputs import check_outputs
from rtformer_ros.engines.onnx_session import CPU, CUDA, OnnxSession
from rtformer_ros.engines.reduced_precision.int8_file import for_cpu
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensor_format import input_size, run_in_chunks, segment_images
from rtformer_ros.errors import ConfigError, EngineUnavailable, ModelError
from rtformer_ros.model_metadata import HALF_QUANTISED

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import Segmentation, SegmentationBatch


class OnnxRuntimeEngine(Engine):
    """An ONNX model, ours or another's, in an ONNX Runtime session."""

    def __init__(
        self,
        description: EngineDescription,
        session: OnnxSession,
        metadata: ModelMetadata,
        frame_session: OnnxFrameSession | None = None,
    ) -> None:
        """
        Take over an open session; `metadata` says how it is fed and what it returns.

        frame_session: what takes frames, None for nothing.
        """
        super().__init__(description)
        self._session: OnnxSession | None = session
        self._metadata = metadata
        self._frame_session = frame_session
        self._frame_encodings = frozenset([frame_session.encoding] if frame_session else [])

    @property
    def frame_encodings(self) -> frozenset[str]:
        """Return the encoding that was asked for, where the model can take its frames."""
        return self._frame_encodings

    @property
    def frame_pictures(self) -> frozenset[str]:
        """Return all pictures where a GPU paints them; on a CPU OpenCV is ten times as fast."""
        frames = self._frame_session
        return PICTURES if frames and frames.provider == CUDA else frozenset()

    @classmethod
    def open(cls, request: EngineRequest) -> OnnxRuntimeEngine:
        """
        Open an ONNX file and run it once.

        Raises ModelError for a file that is no ONNX model or not one that segments images,
        ConfigError, EngineUnavailable and EngineError as open_engine says.
        """
        request = for_cpu(request)
        session = _session(request)
        # On a CPU all that is not quantised is computed in FP32, half precision too.
        if request.precision not in ('auto', 'fp32' if session.provider == CPU else 'auto'):
            raise ConfigError(
                f'precision is {request.precision}, but an ONNX file has the precision that it '
                'was exported with; leave precision auto and export the model as wanted'
            )
        metadata = metadata_of(request.model, session.properties)
        height, width = input_size(session, metadata, request)
        warm_up = np.zeros((1, height, width, 3), np.uint8)
        with request.watch.interrupts(session.interrupt):
            outputs = run_in_chunks(session, metadata, warm_up)
        chosen = check_outputs(outputs, metadata, (height, width), request)
        frames, why_none = _frame_session(request, session, metadata)
        description = EngineDescription(
            engine='onnxruntime',
            device=f'cuda:{request.cuda_index}' if session.provider == CUDA else 'cpu',
            model=request.model,
            height=height,
            width=width,
            labels=chosen.labels,
            labels_warning=chosen.warning,
            frames_refused=why_none,
            detail=f'ONNX Runtime {onnxruntime.__version__}, {session.provider}, '
            f'{request.thread_count} CPU thread(s)'
            + (f', frames of {frames.encoding} as they come' if frames else ''),
        )
        return cls(description, session, metadata, frames)

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._session is not None
        num_classes = len(self.description.labels)
        return segment_images(self._session, self._metadata, images_nhwc, num_classes)

    def _run_frame(self, frame: CameraFrame) -> Segmentation:
        assert self._frame_session is not None
        return self._frame_session.run(frame)

    def _interrupt(self) -> None:
        for session in (self._session, self._frame_session):
            if session is not None:
                session.interrupt()

    def _release(self) -> None:
        self._session = self._frame_session = None


def _session(request: EngineRequest) -> OnnxSession:
    session = OnnxSession(request)
    if session.provider != CPU or HALF_QUANTISED not in session.properties:
        return session
    # On a CPU the library cuts off where it should round such values, and the classes are wrong.
    with without_half_quantisers(request.model) as model:
        return OnnxSession(replace(request, model=model))


def _frame_session(
    request: EngineRequest, session: OnnxSession, metadata: ModelMetadata
) -> tuple[OnnxFrameSession | None, str]:
    """Return what takes frames where that is asked for, else why the model runs without."""
    if not request.frame_encoding:
        return None, ''
    is_rewritten = session.provider == CPU and HALF_QUANTISED in session.properties
    readable = without_half_quantisers if is_rewritten else nullcontext
    try:
        with readable(request.model) as model:
            return OnnxFrameSession(request, model, metadata, session.provider), ''
    except (ModelError, EngineUnavailable) as error:
        return None, str(error)
