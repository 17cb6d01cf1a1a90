# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segment raw images: everything between an image's bytes and its class map, as one module."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.architecture import MEAN_RGB, STD_RGB
from rtformer_ros.network.blocks import spatial_size, upsample
from rtformer_ros.network.candidate_classes import decide_enlarged, has_candidates
from rtformer_ros.network.family import SegmentationNetwork
import torch
from torch import nn, Tensor


class ImageSegmenter(nn.Module):
    """
    Wrap a network that returns logits so that it takes images and returns class maps.

    This is what an exported model computes and what every engine returns.
    """

    mean: Tensor
    scale: Tensor | None

    def __init__(self, network: nn.Module) -> None:
        """Keep `network`: normalised float [n, 3, h, w] in, logits [n, classes, h, w] out."""
        super().__init__()
        self.network = network
        self.register_buffer('mean', _per_channel(MEAN_RGB) * 255)
        self.register_buffer('scale', 1 / (_per_channel(STD_RGB) * 255))

    def forward(self, images_nhwc: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return (class_map_nhw, confidence_nhw), both uint8 [n, h, w].

        images_nhwc: uint8 [n, h, w, 3], RGB. confidence: softmax probability of the winning class
        times 255, rounded half to even. With many classes, see decide_enlarged.
        """
        images = self._normalised(images_nhwc)
        if not isinstance(self.network, SegmentationNetwork):
            return decide(self.network(images))
        small, size = self.network.small_logits(images), spatial_size(images)
        if has_candidates(int(small.shape[1]), spatial_size(small), size):
            winner, probability = decide_enlarged(small, size[0] // spatial_size(small)[0])
            return _as_bytes(winner, 255 * probability)
        return decide(small if spatial_size(small) == size else upsample(small, size))

    def logits(self, images_nhwc: Tensor) -> Tensor:
        """
        Return the network's logits [n, classes, h, w] for images as `forward` takes them.

        Of a network that classifies images as a whole they are [n, classes].
        """
        return cast('Tensor', self.network(self._normalised(images_nhwc)))

    def _normalised(self, images_nhwc: Tensor) -> Tensor:
        centred = images_nhwc.to(self.mean.dtype).permute(0, 3, 1, 2) - self.mean
        return centred if self.scale is None else centred * self.scale


def decide(logits: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return the winning class and its probability, uint8 [n, h, w] each, for logits [n, c, h, w].

    The winner's probability is 1 / sum(exp(logit - highest logit)); a softmax over the channels
    of a full-size map takes four times as long in ONNX Runtime.
    """
    highest = logits.amax(dim=1, keepdim=True)
    return _as_bytes(logits.argmax(dim=1), 255 / (logits - highest).exp().sum(dim=1))


def _as_bytes(winner: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
    # Through float: no TensorRT makes bytes of integers.
    class_map = winner.to(torch.float32).to(torch.uint8)
    return class_map, confidence.round().to(torch.uint8)


def _per_channel(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).reshape(1, 3, 1, 1)
