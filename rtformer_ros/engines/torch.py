# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run weights with PyTorch, on the CPU or with CUDA."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.model_outputs import choose_labels
from rtformer_ros.errors import ConfigError, EngineError, EngineUnavailable
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.weights.checkpoint import Checkpoint, load_checkpoint
from rtformer_ros.segmentation import SegmentationBatch
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest

# Weights take any size; this one is the packaged model's.
_DEFAULT_SIZE = (360, 480)


class TorchEngine(Engine):
    """
    An RTFormer in PyTorch's eager mode.

    Its thread count is a setting of the whole library: it holds for everything else that the
    process does with PyTorch, until somebody sets another.
    """

    def __init__(
        self,
        description: EngineDescription,
        checkpoint: Checkpoint,
        threads: int,
        *,
        is_half: bool,
    ) -> None:
        """Build the network on the device of the description; raises EngineError if it is full."""
        super().__init__(description)
        self._device = torch.device(description.device)
        self._threads = threads
        self._is_half = is_half
        with _translated(description):
            segmenter = ImageSegmenter(checkpoint.build()).eval().to(self._device)
            # Pixels arrive channels last; convolutions are faster that way on CPU and GPU alike.
            self._segmenter: ImageSegmenter | None = segmenter.to(
                memory_format=torch.channels_last
            )  # type: ignore[call-overload]

    @classmethod
    def open(cls, request: EngineRequest) -> TorchEngine:
        """
        Build the network of a checkpoint, load its weights and run it once.

        On CUDA it computes in FP16 unless precision is 'fp32'; what overflows or underflows there
        (softmax, sums) stays in FP32.
        Raises CheckpointError, ConfigError, EngineUnavailable and EngineError as open_engine says.
        """
        device = _device(request)
        is_half = device.type == 'cuda' and request.precision != 'fp32'
        if request.precision == 'fp16' and not is_half:
            raise ConfigError(
                'precision is fp16, but the device is the CPU; use auto or fp32 there'
            )
        checkpoint = load_checkpoint(request.model)
        height, width = request.network_size or _DEFAULT_SIZE
        precision = 'FP16' if is_half else 'FP32'
        chosen = choose_labels(request, checkpoint.labels, checkpoint.num_classes)
        description = EngineDescription(
            engine='torch',
            device=str(device),
            model=request.model,
            height=height,
            width=width,
            labels=chosen.labels,
            labels_warning=chosen.warning,
            detail=f'PyTorch {torch.__version__}, {precision}, '
            f'{request.thread_count} CPU thread(s)',
        )
        engine = cls(description, checkpoint, request.thread_count, is_half=is_half)
        engine.infer(np.zeros((1, height, width, 3), np.uint8))
        return engine

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._segmenter is not None
        # The count belongs to the calling thread; another engine may have set another.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        # PyTorch warns of arrays that it could write to by mistake: those are copied.
        images = torch.from_numpy(np.require(images_nhwc, requirements=('C', 'W')))
        autocast = torch.autocast(self._device.type, torch.float16, enabled=self._is_half)
        with _translated(self.description), torch.inference_mode(), autocast:
            class_map_nhw, confidence_nhw = self._segmenter(images.to(self._device))
            return SegmentationBatch(class_map_nhw.cpu().numpy(), confidence_nhw.cpu().numpy())

    def _release(self) -> None:
        self._segmenter = None
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()


@contextmanager
def _translated(description: EngineDescription) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            f'PyTorch failed on {description.model.name} ({description.device}): {error}'
        ) from error


def _device(request: EngineRequest) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if request.device == 'cpu' or (request.device == 'auto' and not count):
        return torch.device('cpu')
    if request.cuda_index >= count:
        raise EngineUnavailable(
            f'device is {request.device}, but PyTorch {torch.__version__} sees {count} CUDA '
            'device(s); check the driver with nvidia-smi and that this build of PyTorch has CUDA, '
            'or set device to cpu'
        )
    return torch.device('cuda', request.cuda_index)
