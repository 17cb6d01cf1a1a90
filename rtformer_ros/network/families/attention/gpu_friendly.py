# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Attention to learned keys and values as two 1x1 convolutions (arXiv 2210.07124, section 3.1)."""

from __future__ import annotations

from rtformer_ros.network.blocks import BatchNorm, spatial_size
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_SUM_EPSILON = 1e-6


class GpuFriendlyAttention(nn.Module):
    """
    Attend from each pixel to learned external keys and values.

    The keys k [inner, in, 1, 1] and values v [out, inner, 1, 1] are parameters and act as 1x1
    convolutions, so that all groups are one matrix product. inner: as many as `out` on the low
    branch; on the high one (the reference's form without cross-resolution attention) the square
    of the cross size. groups: parts of the inner channels within which the weights of a pixel are
    divided by their sum.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        momentum: float,
        *,
        groups: int = 8,
        inner_channels: int | None = None,
    ) -> None:
        """Build the layers; where in and out widths differ the map is halved as well."""
        super().__init__()
        inner = inner_channels or out_channels
        self.norm: nn.Module = BatchNorm(in_channels, momentum=momentum)
        self.k = nn.Parameter(torch.zeros(inner, in_channels, 1, 1))
        self.v = nn.Parameter(torch.zeros(out_channels, inner, 1, 1))
        self.stride = 1 if in_channels == out_channels else 2
        self.groups = groups

    def draw_weights(self) -> None:
        """Draw keys and values as the reference does."""
        nn.init.normal_(self.k, std=0.001)
        nn.init.normal_(self.v, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, ceil(h / stride), ceil(w / stride)] for x [n, in, h, w]."""
        similarity = F.conv2d(self.norm(x), self.k, stride=self.stride)
        return F.conv2d(normalise_twice(similarity, self.groups, _SUM_EPSILON), self.v)


def normalise_twice(similarity: Tensor, groups: int, epsilon: float) -> Tensor:
    """
    Return softmax over space, then each pixel divided by its sum over a group's channels.

    similarity: [n, channels, h, w], of which `groups` equal parts are normalised by themselves;
    epsilon is added to their sums. Both are computed in float32 at least: in half precision,
    small weights vanish, and a pixel whose weights all do would be divided by next to nothing.
    Source: external attention's double normalisation (arXiv 2105.02358).
    """
    channels = int(similarity.shape[1])
    height, width = spatial_size(similarity)
    grouped = similarity.reshape(-1, groups, channels // groups, height * width)
    is_half = similarity.dtype in (torch.float16, torch.bfloat16)
    over_space = (grouped.float() if is_half else grouped).softmax(dim=3)
    over_channels = over_space / (over_space.sum(dim=2, keepdim=True) + epsilon)
    weights = over_channels.reshape(-1, channels, height, width)
    return weights.to(similarity.dtype) if is_half else weights
