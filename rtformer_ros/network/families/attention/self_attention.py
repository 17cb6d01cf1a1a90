# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Attention of each pixel of a map to all others, in heads (arXiv 1706.03762, section 3.2)."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import BatchNorm, spatial_size
from torch import nn, Tensor


class SelfAttention(nn.Module):
    """
    Multi-head self-attention, MHSA in RTFormer's comparison; its cost grows with pixels squared.

    No source has its layers. Ours: batch norm, one 1x1 convolution without bias to queries, keys
    and values, heads of out / heads channels with softmax(q k / sqrt(channels of a head)), and a
    1x1 convolution with bias.
    """

    def __init__(
        self, in_channels: int, out_channels: int, momentum: float, *, heads: int
    ) -> None:
        """Build the layers; where the two widths differ the map is halved as well."""
        super().__init__()
        self.qkv = norm_projection(in_channels, out_channels, 3 * out_channels, momentum)
        self.projection = nn.Conv2d(out_channels, out_channels, 1)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, ceil(h / stride), ceil(w / stride)] for x [n, in, h, w]."""
        qkv = self.qkv(x)
        size = spatial_size(qkv)
        width, tokens = int(qkv.shape[1]) // 3, size[0] * size[1]
        split = qkv.reshape(-1, 3, self.heads, width // self.heads, tokens)
        attended = attend(split[:, 0], split[:, 1], split[:, 2])
        return cast('Tensor', self.projection(attended.reshape(-1, width, *size)))


def norm_projection(
    in_channels: int, out_channels: int, inner_channels: int, momentum: float
) -> nn.Sequential:
    """
    Return batch norm and a 1x1 convolution without bias to what attention reads.

    It halves the map where the block's out_channels are not its in_channels.
    """
    stride = 1 if in_channels == out_channels else 2
    return nn.Sequential(
        BatchNorm(in_channels, momentum=momentum),
        nn.Conv2d(in_channels, inner_channels, 1, stride, bias=False),
    )


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """
    Return the values, weighted by a softmax over the tokens: [n, heads, d, queries].

    queries: [n, heads, d, queries]; keys and values: [n, heads, d, tokens].
    """
    # Scaling the keys instead of the larger product gives the same.
    scaled = keys * int(keys.shape[2]) ** -0.5
    weights = (queries.transpose(2, 3) @ scaled).softmax(dim=3)
    return cast('Tensor', values @ weights.transpose(2, 3))
