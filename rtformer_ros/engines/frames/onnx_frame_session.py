# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An ONNX Runtime session that takes a camera's frames; made from a model's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from rtformer_ros.engines.frames.camera_frame import CameraFrame, check_takes_frames
from rtformer_ros.engines.onnx_session import CPU, CUDA, translated
from rtformer_ros.engines.preparation.session_options import LOG_FATAL_ONLY, session_options
from rtformer_ros.errors import EngineError, EngineUnavailable, ModelError, pip_install
from rtformer_ros.imaging.encodings import frame_planes
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import place
from rtformer_ros.segmentation import Segmentation

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata

_OUTPUTS, _CONFIDENCE = ('class_map', 'network_class_map'), 'confidence'


class OnnxFrameSession:
    """A model with a frame of one encoding as its input, loaded for one provider."""

    def __init__(
        self, request: EngineRequest, model: Path, metadata: ModelMetadata, provider: str
    ) -> None:
        """
        Make the graph for the encoding of a request, load it and run it once.

        model: the file that it is made from, which computes right with that provider; metadata:
        what that says about itself. Raises ModelError for a model that is not as ours are,
        EngineUnavailable without the onnx package.
        """
        check_takes_frames(request.model.name, metadata)
        self.encoding = request.frame_encoding
        content = _graph(request, model)
        options = session_options(request.thread_count)
        device = (CUDA, {'device_id': request.cuda_index})
        with translated(f'{request.model} with frames as input cannot be loaded', ModelError):
            self._session = onnxruntime.InferenceSession(
                content,
                options,
                providers=[device, CPU] if provider == CUDA else [CPU],
                enable_fallback=0,
            )
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = LOG_FATAL_ONLY
        self.run(_black(self.encoding, (metadata.height, metadata.width)))

    def run(self, frame: CameraFrame) -> Segmentation:
        """Return the segmentation of a frame, its small class map with any bars."""
        wanted = [*_OUTPUTS, *([_CONFIDENCE] if frame.with_confidence else [])]
        with translated('ONNX Runtime failed on a frame', EngineError):
            outputs = self._session.run(wanted, frame.inputs(), self._options)
        ids, small, *rest = (each[0] for each in outputs)
        return Segmentation(ids, rest[0] if rest else np.zeros_like(ids), small)

    def interrupt(self) -> None:
        """Make `run` fail, now or when it is called next, for good."""
        self._options.terminate = True


def _graph(request: EngineRequest, model: Path) -> bytes:
    # What runs without frames does without onnx, which this imports.
    try:
        from rtformer_ros.deploy.frames.frame_input import with_frame_input
    except ImportError as error:
        raise EngineUnavailable(
            f'frames as input need onnx ({error}): {pip_install("onnx")}'
        ) from error
    content: bytes = with_frame_input(model, request.frame_encoding).SerializeToString()
    return content


def _black(encoding: str, network: tuple[int, int]) -> CameraFrame:
    size = (16, 16)
    planes = frame_planes(np.zeros(24 * 64, np.uint8), encoding, *size, 64)
    return CameraFrame(
        encoding, planes, frame_sampling(size, place(size, network, 'stretch'), size)
    )
