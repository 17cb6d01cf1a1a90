# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Build the two attentions of an RTFormer block (arXiv 2210.07124, section 3)."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import BatchNorm, spatial_size
from rtformer_ros.network.families.rtformer_architecture import ATTENTION_HEADS
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_HEAD_SUM_EPSILON = 1e-6


class GpuFriendlyAttention(nn.Module):
    """
    Attend from each pixel of the low branch to learned external keys and values.

    The keys k [inner, in, 1, 1] and values v [out, inner, 1, 1] are parameters and act as 1x1
    convolutions, so that all heads are one matrix product. inner equals out.
    """

    def __init__(self, in_channels: int, out_channels: int, momentum: float) -> None:
        """Build the layers; where the two widths differ the map is halved as well."""
        super().__init__()
        self.norm: nn.Module = BatchNorm(in_channels, momentum=momentum)
        self.k = nn.Parameter(torch.zeros(out_channels, in_channels, 1, 1))
        self.v = nn.Parameter(torch.zeros(out_channels, out_channels, 1, 1))
        self.stride = 1 if in_channels == out_channels else 2

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, ceil(h / stride), ceil(w / stride)] for x [n, in, h, w]."""
        similarity = F.conv2d(self.norm(x), self.k, stride=self.stride)
        return F.conv2d(_normalise_twice(similarity), self.v)


def _normalise_twice(similarity: Tensor) -> Tensor:
    """
    Return softmax over space, then each pixel divided by its sum over a head's channels.

    Both are computed in float32 at least: in half precision, small weights vanish, and a pixel
    whose weights all do would be divided by next to nothing.
    """
    channels = int(similarity.shape[1])
    height, width = spatial_size(similarity)
    grouped = similarity.reshape(-1, ATTENTION_HEADS, channels // ATTENTION_HEADS, height * width)
    is_half = similarity.dtype in (torch.float16, torch.bfloat16)
    over_space = (grouped.float() if is_half else grouped).softmax(dim=3)
    over_channels = over_space / (over_space.sum(dim=2, keepdim=True) + _HEAD_SUM_EPSILON)
    weights = over_channels.reshape(-1, channels, height, width)
    return weights.to(similarity.dtype) if is_half else weights


class CrossTokens(nn.Sequential):
    """
    Turn the low branch into the keys and values of cross-resolution attention.

    Batch norm, adaptive max pooling to a grid of size x size tokens, 1x1 convolution.
    """

    def __init__(self, in_channels: int, key_channels: int, size: int, momentum: float) -> None:
        """Build layers from [n, in, h, w] to [n, 2 * key, size, size], keys first."""
        super().__init__(
            BatchNorm(in_channels, momentum=momentum),
            nn.AdaptiveMaxPool2d(size),
            nn.Conv2d(in_channels, 2 * key_channels, 1, bias=False),
        )


class CrossResolutionAttention(nn.Module):
    """Attend from each pixel of the high branch to tokens of the low branch, without heads."""

    def __init__(self, channels: int, momentum: float) -> None:
        """Build the layers for a high branch of `channels`."""
        super().__init__()
        self.norm = BatchNorm(channels, momentum=momentum)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Return [n, c, h, w] for x [n, c, h, w] and tokens [n, 2c, s, s], keys first."""
        channels, token_count = int(x.shape[1]), int(tokens.shape[2] * tokens.shape[3])
        pairs = tokens.reshape(-1, 2, channels, token_count)
        keys, values = pairs[:, 0], pairs[:, 1]
        height, width = spatial_size(x)
        queries = self.norm(x).reshape(-1, channels, height * width)
        # Scaling the keys instead of the far larger product gives the same.
        similarity = (keys * token_count**-0.5).transpose(1, 2) @ queries
        attended = values @ similarity.softmax(dim=1)
        return cast('Tensor', attended.reshape(-1, channels, height, width))
