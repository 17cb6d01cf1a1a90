# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Openings of the runtimes for a GPU; each gives what is called, and a note on how it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, TYPE_CHECKING, TypeAlias

from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan, PreparedPlan
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import EngineError, ModelError
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from rtformer_ros.tools.verify_gpu.runtimes.subjects import FRAME_SIZE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.tools.verify_gpu.runtimes.subjects import FrameMessage

# Images [N, H, W, 3] to class maps [N, H, W], or a message to one; all uint8 on the host.
_Run: TypeAlias = 'Callable[[Any], npt.NDArray[np.uint8]]'
Opening: TypeAlias = Callable[[], AbstractContextManager[tuple[_Run, str]]]


def opening_plan(prepared: PreparedPlan, *, use_graph: bool) -> Opening:
    """Return what opens a plan of TensorRT for images."""

    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        runner = PlanRunner(prepared.plan, prepared.metadata, use_graph=use_graph)
        try:
            yield lambda images: runner.run(images).class_map_nhw, runner.how
        finally:
            runner.close()

    return opening


def opening_frames(request: EngineRequest, *, is_rebuilt: bool) -> Opening:
    """
    Return what opens the engine for frames of the request's encoding, '' for the way of the host.

    is_rebuilt: compile the plan for frames also where the cache has it.
    """
    encoding = request.frame_encoding

    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        if is_rebuilt and encoding:
            prepare_plan(request, force=True)
        with closing(open_engine(request)) as engine:
            if encoding and encoding not in engine.frame_encodings:
                raise EngineError(f'the engine takes no frames of {encoding}, see the log')
            segmenter = Segmenter(engine, SegmentSettings())

            def run(message: FrameMessage) -> npt.NDArray[np.uint8]:
                if not encoding:
                    return segmenter.segment(message.decoded()).class_map_hw
                planes = message.planes()
                return segmenter.segment_frame(encoding, planes, FRAME_SIZE).class_map_hw

            yield run, engine.description.detail

    return opening


def opening_onnxruntime(model: Path) -> Opening:
    """Return what opens ONNX Runtime on the GPU."""

    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        with closing(open_engine(EngineRequest(model, 'onnxruntime', device='cuda'))) as engine:
            yield lambda images: engine.infer(images).class_map_nhw, ''

    return opening


def opening_torch(model: Path, mode: str, images_nhwc: npt.NDArray[np.uint8]) -> Opening:
    """Return what opens PyTorch in a mode of TorchSegmenter, for images of this form."""

    @contextmanager
    def opening() -> Iterator[tuple[_Run, str]]:
        from rtformer_ros.tools.verify_gpu.runtimes.torch_segmenter import TorchSegmenter

        segmenter = TorchSegmenter(checkpoint_of(model), mode, images_nhwc)
        yield segmenter.run, 'autocast'

    return opening


def checkpoint_of(model: Path) -> Path:
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
