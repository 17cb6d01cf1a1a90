# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build the block of MixFormer (arXiv 2204.02557, section 3): windows and convolution side by side.

Attention inside windows that do not shift sees far in depth, a depth-wise convolution across
their borders; each tells the other what it saw. Maps are [n, h, w, c], as linear layers take them.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from rtformer_ros.network.blocks import BatchNorm, DropPath
import torch
from torch import nn, Tensor
import torch.nn.functional as F

WINDOW = 7
"""Pixels of a window's side."""

_MLP_RATIO = 4


class WindowAttention(nn.Module):
    """
    Attend within windows of 7 x 7 pixels, with a bias for each offset between two pixels.

    The values are weighted by what the convolution beside it says of each channel.
    """

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int) -> None:
        """Build the layers; there is no projection behind the heads."""
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.scale = (channels // heads) ** -0.5
        table = torch.zeros((2 * WINDOW - 1) ** 2, heads)
        self.relative_position_bias_table = nn.Parameter(table)
        self.register_buffer('relative_position_index', _offsets(), persistent=False)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def attend(self, x: Tensor, channel_weights: Tensor) -> Tensor:
        """
        Return [n, h, w, c] for x of that shape, h and w multiples of 7.

        channel_weights: [n, c, 1, 1], 0..1.
        """
        height, width, channels = (int(side) for side in x.shape[1:])
        qkv = self.qkv(x)
        weighted = qkv[..., 2 * channels :] * channel_weights.permute(0, 2, 3, 1)
        queries, keys = self._split(qkv[..., : 2 * channels], 2)
        [values] = self._split(weighted, 1)
        scores = (queries * self.scale) @ keys.transpose(2, 3) + self._bias()
        attended = scores.softmax(dim=3) @ values
        grid = (height // WINDOW, width // WINDOW)
        windows = attended.transpose(1, 2).reshape(-1, *grid, WINDOW, WINDOW, channels)
        joined: Tensor = windows.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, channels)
        return joined

    def _split(self, x: Tensor, count: int) -> list[Tensor]:
        """Return `count` times [n * windows, heads, 49, size] of [n, h, w, count * c]."""
        height, width, channels = (int(side) for side in x.shape[1:])
        rows, columns = height // WINDOW, width // WINDOW
        windows = x.reshape(-1, rows, WINDOW, columns, WINDOW, channels).permute(0, 1, 3, 2, 4, 5)
        size = channels // count // self.heads
        parts = windows.reshape(-1, WINDOW * WINDOW, count, self.heads, size)
        return [parts[:, :, index].transpose(1, 2) for index in range(count)]

    def _bias(self) -> Tensor:
        """Return what is added to the scores, [heads, 49, 49]."""
        tokens = WINDOW * WINDOW
        bias = self.relative_position_bias_table.index_select(0, self.relative_position_index)
        return bias.reshape(tokens, tokens, self.heads).permute(2, 0, 1)


def _offsets() -> Tensor:
    """Return the row of the table of biases for each pair of pixels in a window, [49 * 49]."""
    rows, columns = np.divmod(np.arange(WINDOW * WINDOW), WINDOW)
    down = rows[:, None] - rows[None, :] + WINDOW - 1
    right = columns[:, None] - columns[None, :] + WINDOW - 1
    # From NumPy: on the device 'meta', which has no values, PyTorch would take seconds for it.
    return torch.from_numpy(((2 * WINDOW - 1) * down + right).reshape(-1))


class Mixing(WindowAttention):
    """Mix a map by attention inside windows and a convolution across them, half the width each."""

    def __init__(self, channels: int, heads: int, momentum: float) -> None:
        """Build the layers for maps of `channels`."""
        half = channels // 2
        super().__init__(half, heads)
        self.proj_attn = nn.Linear(channels, half)
        self.proj_attn_norm = nn.LayerNorm(half)
        self.proj_cnn = nn.Linear(channels, channels)
        self.proj_cnn_norm = nn.LayerNorm(channels)
        self.dwconv3x3 = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, groups=channels),
            BatchNorm(channels, momentum=momentum),
            nn.GELU(),
        )
        self.channel_interaction = _interaction(channels, channels // 8, half, momentum)
        self.spatial_interaction = _interaction(half, channels // 16, 1, momentum)
        self.projection = nn.Conv2d(channels, half, 1)
        self.conv_norm = BatchNorm(half, momentum=momentum)
        self.attn_norm = nn.LayerNorm(half)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """
        Return [n, h, w, c] for x of that shape.

        Zeros below and on the right fill the last windows; they take part as pixels do.
        """
        height, width = int(x.shape[1]), int(x.shape[2])
        below, right = -height % WINDOW, -width % WINDOW
        if below or right:
            x = F.pad(x, (0, 0, 0, right, 0, below))
        convolved = self.dwconv3x3(_nchw(self.proj_cnn_norm(self.proj_cnn(x))))
        channel_weights = self.channel_interaction(F.adaptive_avg_pool2d(convolved, 1)).sigmoid()
        tokens = self.proj_attn_norm(self.proj_attn(x))
        attended = self.attend(tokens, channel_weights)
        pixel_weights = self.spatial_interaction(_nchw(attended)).sigmoid()
        local = self.conv_norm(self.projection(convolved) * pixel_weights)
        mixed = self.proj(torch.cat([self.attn_norm(attended), _nhwc(local)], dim=3))
        return cast('Tensor', mixed[:, :height, :width] if below or right else mixed)


def _interaction(
    in_channels: int, inner: int, out_channels: int, momentum: float
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, inner, 1),
        BatchNorm(inner, momentum=momentum),
        nn.GELU(),
        nn.Conv2d(inner, out_channels, 1),
    )


def _nchw(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


class TokenMLP(nn.Module):
    """Mix the channels of each pixel: linear to four times the width, exact GELU, linear back."""

    def __init__(self, channels: int) -> None:
        """Build the layers."""
        super().__init__()
        self.fc1 = nn.Linear(channels, _MLP_RATIO * channels)
        self.fc2 = nn.Linear(_MLP_RATIO * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., c] for x of that shape."""
        return cast('Tensor', self.fc2(F.gelu(self.fc1(x))))


class MixFormerBlock(nn.Module):
    """Add mixing and then an MLP to their input, each behind a layer norm."""

    def __init__(self, channels: int, heads: int, drop_path_rate: float, momentum: float) -> None:
        """Build the layers for maps [n, h, w, channels]."""
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Mixing(channels, heads, momentum)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = TokenMLP(channels)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, h, w, c] for x of that shape."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return cast('Tensor', x + self.drop_path(self.mlp(self.norm2(x))))
