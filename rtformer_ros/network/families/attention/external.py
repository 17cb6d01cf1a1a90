# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Attention to a learned memory, in heads that share it (arXiv 2105.02358, section 3.2)."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import spatial_size
from rtformer_ros.network.families.attention.gpu_friendly import normalise_twice
from rtformer_ros.network.families.attention.self_attention import norm_projection
from torch import nn, Tensor

EXPANSION = 4
_SUM_EPSILON = 1e-9


class ExternalAttention(nn.Module):
    """
    Multi-head external attention, MHEA in RTFormer's comparison, as EANet's code has it.

    1x1 convolution to 4 x out channels in 4 x heads heads; each head reads the one memory of M
    keys and values, which are 1x1 convolutions; the weights are normalised over pixels, then over
    the memory; 1x1 convolution to out channels. The biases that EANet has in front of the softmax
    over pixels cancel in it and are left out. EANet's M is 64; RTFormer's comparison has d x r.
    That d is the width of the branch, that the widening by 4 is kept, and the batch norm in front
    of it all are our choice.
    """

    def __init__(
        self, in_channels: int, out_channels: int, momentum: float, *, heads: int, memory: int
    ) -> None:
        """Build the layers; where the two widths differ the map is halved as well."""
        super().__init__()
        wide = EXPANSION * out_channels
        self.head_channels = out_channels // heads
        self.expansion = norm_projection(in_channels, out_channels, wide, momentum)
        self.memory_keys = nn.Conv2d(self.head_channels, memory, 1, bias=False)
        self.memory_values = nn.Conv2d(memory, self.head_channels, 1)
        self.projection = nn.Conv2d(wide, out_channels, 1)

    def draw_weights(self) -> None:
        """Draw the weights as EANet does; biases are left alone."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, ceil(h / stride), ceil(w / stride)] for x [n, in, h, w]."""
        wide = self.expansion(x)
        width, size = int(wide.shape[1]), spatial_size(wide)
        # Heads become samples of a batch: [n * 4 * heads, channels of a head, h, w].
        heads = wide.reshape(-1, self.head_channels, *size)
        weights = normalise_twice(self.memory_keys(heads), 1, _SUM_EPSILON)
        attended = self.memory_values(weights).reshape(-1, width, *size)
        return cast('Tensor', self.projection(attended))
