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
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import Pixels

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
        self.encoding, self.provider = request.frame_encoding, provider
        self._request = request
        with translated(f'{request.model} with frames as input cannot be loaded', ModelError):
            self._session = self._load(_graph(request, model))
        self._painters: dict[str, onnxruntime.InferenceSession] = {}
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = LOG_FATAL_ONLY
        self.run(_black(self.encoding, (metadata.height, metadata.width)))

    def run(self, frame: CameraFrame) -> Segmentation:
        """Return the segmentation of a frame, its small class map with any bars, and pictures."""
        wanted = [*_OUTPUTS, *([_CONFIDENCE] if frame.with_confidence else [])]
        with translated('ONNX Runtime failed on a frame', EngineError):
            inputs = frame.inputs()
            outputs = self._session.run(wanted, inputs, self._options)
            ids, small, *rest = (each[0] for each in outputs)
            inputs['class_map'] = ids[np.newaxis]
            pictures = {name: self._paint(name, frame, inputs) for name in frame.pictures}
        confidence = rest[0] if rest else np.zeros_like(ids)
        return Segmentation(ids, confidence, small, pictures=pictures)

    def _paint(
        self, picture: str, frame: CameraFrame, inputs: Mapping[str, npt.NDArray[np.generic]]
    ) -> Pixels:
        """Run the graph of a picture, which is loaded when it is first asked for."""
        if picture not in self._painters:
            # Imports onnx, which whoever takes no frames does without.
            from rtformer_ros.deploy.frames.pictures import picture_graph

            content = picture_graph(picture, self.encoding).SerializeToString()
            self._painters[picture] = self._load(content)
        painter = self._painters[picture]
        given = {**inputs, **frame.picture_tables(picture)}
        taken = {each.name: given[each.name] for each in painter.get_inputs()}
        [picture_nhwc] = painter.run([picture], taken, self._options)
        painted: Pixels = picture_nhwc[0]
        return painted

    def _load(self, content: bytes) -> onnxruntime.InferenceSession:
        device = (CUDA, {'device_id': self._request.cuda_index})
        return onnxruntime.InferenceSession(
            content,
            session_options(self._request.thread_count),
            providers=[device, CPU] if self.provider == CUDA else [CPU],
            enable_fallback=0,
        )

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
