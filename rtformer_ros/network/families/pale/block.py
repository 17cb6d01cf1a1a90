# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build the block of the Pale Transformer (arXiv 2112.14000): attention in rows and in columns.

The authors published no code. This follows an unofficial implementation, whose layers' names it
keeps, where the paper's text that could be had leaves things open.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

from rtformer_ros.network.blocks import BatchNorm, DropPath, spatial_size
from rtformer_ros.network.families.scale_fusion import ChannelNorm, padded_to
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_MLP_RATIO = 4


class PaleAttention(nn.Module):
    """
    Attend in groups of interlaced rows with half of the channels, of columns with the other half.

    Of h rows and a pale of s, group j of h / s holds the rows j, j + h / s, j + 2 h / s, ...
    Queries, keys and values are separable convolutions of the whole map.
    """

    def __init__(self, channels: int, heads: int, pale_size: int, momentum: float) -> None:
        """Build the layers; `heads` for the rows and as many for the columns."""
        super().__init__()
        self.qkv = nn.ModuleList(_separable(channels, momentum) for _ in range(3))
        self.proj = nn.Conv2d(channels, channels, 1)
        self.heads = heads
        self.pale_size = pale_size
        # Of twice the channels of a head, as the unofficial implementation has it.
        self.scale = (channels // heads) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        """
        Return NCHW of x's shape.

        Zeros below and on the right fill the last pale; they take part as pixels do (our choice:
        the reference takes multiples of the pale alone).
        """
        height, width = spatial_size(x)
        padded = padded_to(x, self.pale_size)
        halves = [each(padded).chunk(2, dim=1) for each in self.qkv]
        rows = self._attend(*(half[0] for half in halves))
        turned = (half[1].transpose(2, 3) for half in halves)
        columns = self._attend(*turned).transpose(2, 3)
        mixed = self.proj(torch.cat([rows, columns], dim=1))
        is_padded = spatial_size(mixed) != (height, width)
        return cast('Tensor', mixed[:, :, :height, :width] if is_padded else mixed)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return NCHW from queries, keys and values of that shape, within groups of rows."""
        channels = int(queries.shape[1])
        height, width = spatial_size(queries)
        groups, size = height // self.pale_size, channels // self.heads
        split = (self.heads, size, self.pale_size, groups, width)
        tokens = self.pale_size * width

        def by_group(x: Tensor) -> Tensor:
            # [n, heads, size, row, group, column] to [n * groups, heads, tokens, size]
            views = x.reshape(-1, *split).permute(0, 4, 1, 3, 5, 2)
            return views.reshape(-1, self.heads, tokens, size)

        scores = (by_group(queries) * self.scale) @ by_group(keys).transpose(2, 3)
        attended = scores.softmax(dim=3) @ by_group(values)
        views = attended.reshape(-1, groups, self.heads, self.pale_size, width, size)
        whole: Tensor = views.permute(0, 2, 5, 3, 1, 4).reshape(-1, channels, height, width)
        return whole


def _separable(channels: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            dw=nn.Conv2d(channels, channels, 3, 1, 1, groups=channels),
            bn=BatchNorm(channels, momentum=momentum),
            pw=nn.Conv2d(channels, channels, 1),
        )
    )


class PixelMLP(nn.Module):
    """Mix the channels of each pixel of NCHW: to four times the width, exact GELU, and back."""

    def __init__(self, channels: int) -> None:
        """Build two 1x1 convolutions."""
        super().__init__()
        self.fc1 = nn.Conv2d(channels, _MLP_RATIO * channels, 1)
        self.fc2 = nn.Conv2d(_MLP_RATIO * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        return cast('Tensor', self.fc2(F.gelu(self.fc1(x))))


class PaleBlock(nn.Module):
    """Add a position encoding, attention and an MLP to their input, one after the other."""

    def __init__(
        self, channels: int, heads: int, pale_size: int, drop_path_rate: float, momentum: float
    ) -> None:
        """Build the layers for NCHW of `channels`."""
        super().__init__()
        self.cpe = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels)
        self.norm1 = nn.Sequential(OrderedDict(ln=ChannelNorm(channels)))
        self.attn = PaleAttention(channels, heads, pale_size, momentum)
        self.norm2 = nn.Sequential(OrderedDict(ln=ChannelNorm(channels)))
        self.mlp = PixelMLP(channels)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        x = x + self.cpe(x)
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return cast('Tensor', x + self.drop_path(self.mlp(self.norm2(x))))
