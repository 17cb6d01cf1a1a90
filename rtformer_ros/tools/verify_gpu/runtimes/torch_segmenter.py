# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""PyTorch segmenter on a GPU: the modes that are worth a comparison with TensorRT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.errors import EngineUnavailable
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.weights.checkpoint import load_checkpoint
import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
_WARM_UPS = 3


class TorchSegmenter:
    """
    A network on one device, FP16 there where it is a GPU, for batches of one size.

    It is fed and read as engines are: uint8 images from the host, class map and confidence back.
    """

    def __init__(self, weights: Path, mode: str, images_nhwc: npt.NDArray[np.uint8]) -> None:
        """
        Load weights and run once on images of the form that will come.

        mode: 'eager', 'CUDA graph' or 'compile'.
        Raises EngineUnavailable without CUDA, CheckpointError for bad weights, and what PyTorch
        raises where it cannot compile or record.
        """
        if not torch.cuda.is_available():
            raise EngineUnavailable(f'PyTorch {torch.__version__} has no CUDA here')
        # The best that PyTorch can do is what TensorRT is to be compared with.
        torch.backends.cudnn.benchmark = True
        self._device = torch.device('cuda')
        segmenter = ImageSegmenter(load_checkpoint(weights).build()).eval().to(self._device)
        segmenter = segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._on_host = torch.from_numpy(images_nhwc.copy()).pin_memory()
        self._images = self._on_host.to(self._device)
        self._forward: _Forward = torch.compile(segmenter) if mode == 'compile' else segmenter
        self._graph: torch.cuda.CUDAGraph | None = None
        self._warm_up()
        if mode == 'CUDA graph':
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._outputs = self._run_network()

    def run(self, images_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return class maps, uint8 [N, H, W]; the confidences are fetched too."""
        self._on_host.copy_(torch.from_numpy(images_nhwc))
        self._images.copy_(self._on_host, non_blocking=True)
        if self._graph is None:
            self._outputs = self._run_network()
        else:
            self._graph.replay()
        class_map, _ = (output.cpu() for output in self._outputs)
        result: npt.NDArray[np.uint8] = class_map.numpy()
        return result

    def _run_network(self) -> tuple[Tensor, Tensor]:
        # Without its cache, in which tensors of a recording would outlive it.
        autocast = torch.autocast('cuda', torch.float16, cache_enabled=False)
        with torch.inference_mode(), autocast:
            return self._forward(self._images)

    def _warm_up(self) -> None:
        # On another stream than the default, as recording asks for.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._outputs = self._run_network()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
