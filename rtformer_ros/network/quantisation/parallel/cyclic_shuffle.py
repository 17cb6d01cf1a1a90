# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Let groups of channels see each other: turn their order, or mix their channels."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import BatchNorm, spatial_size
import torch
from torch import nn, Tensor


def turned_groups(x: Tensor, groups: int) -> Tensor:
    """Return [n, c, h, w] whose groups of channels are each in the place of the one before."""
    first = int(x.shape[1]) // groups
    return torch.cat([x[:, first:], x[:, :first]], dim=1)


def shuffled_channels(x: Tensor, groups: int) -> Tensor:
    """Return [n, c, h, w] with the first channel of each group first, then the second ones."""
    channels, (height, width) = int(x.shape[1]), spatial_size(x)
    split = x.reshape(-1, groups, channels // groups, height * width)
    return split.transpose(1, 2).reshape(-1, channels, height, width)


class CyclicShuffle(nn.Module):
    """Add to each group of channels what a 1x1 convolution makes of the next group."""

    def __init__(self, channels: int, groups: int, momentum: float) -> None:
        """Build the layers; channels: of all groups together."""
        super().__init__()
        self.groups = groups
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, channels, 1, groups=groups, bias=False),
            BatchNorm(channels, momentum=momentum),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        return cast('Tensor', x + self.conv1(turned_groups(x, self.groups)))
