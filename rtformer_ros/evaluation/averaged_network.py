# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segment an image at several scales and mirrored, and average what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, EngineError, EngineUnavailable
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.weights.checkpoint import Checkpoint
import torch
from torch import Tensor
import torch.nn.functional as F

_LEAST_SCALE, _GREATEST_SCALE = 0.1, 4.0


class AveragedNetwork:
    """
    A network whose class probabilities are averaged over scaled and mirrored images.

    This is how the reference tests (paddleseg.core.infer.aug_inference): the logits of each image
    are resized bilinearly to the size of the original, then softmax, the mean and the winner. One
    scale of 1 without mirroring is its single-scale test on whole images.
    """

    def __init__(
        self, checkpoint: Checkpoint, scales: Sequence[float], *, flip: bool, device: str = 'auto'
    ) -> None:
        """
        Build the network on a device: 'auto', 'cpu', 'cuda' or 'cuda:N'.

        Raises ConfigError for scales out of range, EngineUnavailable where the device is missing.
        """
        for scale in scales:
            if not _LEAST_SCALE <= scale <= _GREATEST_SCALE:
                raise ConfigError(
                    f'a scale is {scale}; expected {_LEAST_SCALE} to {_GREATEST_SCALE}'
                )
        self._scales, self._flip = tuple(scales), flip
        self.device = named_device(device)
        segmenter = ImageSegmenter(checkpoint.build()).eval().to(self.device)
        layout = torch.channels_last
        self._segmenter = segmenter.to(memory_format=layout)  # type: ignore[call-overload]

    def __call__(self, image_hwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """
        Return the class ids, uint8 [h, w], of an RGB image, uint8 [h, w, 3].

        Raises EngineError when PyTorch fails, as where memory runs out.
        """
        try:
            return self.probabilities(image_hwc).argmax(dim=0).to(torch.uint8).cpu().numpy()
        except RuntimeError as error:
            raise EngineError(f'PyTorch failed on {self.device}: {error}') from error

    @torch.inference_mode()
    def probabilities(self, image_hwc: npt.NDArray[np.uint8]) -> Tensor:
        """Return the averaged class probabilities, float [classes, h, w], of an image."""
        image = torch.tensor(image_hwc, device=self.device).permute(2, 0, 1)[None].float()
        size = (image_hwc.shape[0], image_hwc.shape[1])
        total: Tensor | None = None
        for logits in self._all_logits(image):
            share = _resized(logits, size).softmax(dim=1)[0]
            total = share if total is None else total.add_(share)
        assert total is not None
        return total / (len(self._scales) * (1 + self._flip))

    def _all_logits(self, image: Tensor) -> Iterator[Tensor]:
        """Yield logits for an image float [1, 3, h, w], 0..255, by scale, mirrored ones too."""
        height, width = image.shape[2:]
        for scale in self._scales:
            size = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
            scaled = _resized(image, size)
            yield self._logits(scaled)
            if self._flip:
                yield self._logits(scaled.flip(3)).flip(3)

    def _logits(self, image: Tensor) -> Tensor:
        return self._segmenter.logits(image.permute(0, 2, 3, 1))  # type: ignore[no-any-return]


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if maps.shape[2:] == size:
        return maps
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)


def named_device(name: str) -> torch.device:
    """
    Return the device that a user means: 'auto', 'cpu', 'cuda' or 'cuda:N'.

    Raises ConfigError for another name, EngineUnavailable where the device is missing.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device is '{name}'; expected auto, cpu, cuda or cuda:N") from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise EngineUnavailable(
            f'device is {name}, but PyTorch {torch.__version__} sees {torch.cuda.device_count()} '
            'CUDA device(s); use cpu'
        )
    return device
