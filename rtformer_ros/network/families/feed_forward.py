# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Feed-forward network with a depth-wise convolution, beside which RTFormer sets its own."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import BatchNorm
from torch import nn, Tensor
import torch.nn.functional as F

FEED_FORWARD_EXPANSION = 4


class DepthwiseFeedForward(nn.Module):
    """
    Mix channels, then space: batch norm, 1x1 convolution, 3x3 depth-wise one, GELU, 1x1 one.

    This is the usual form of vision transformers (as in arXiv 2106.13797), with which RTFormer
    compares its two 3x3 convolutions. The widening by 4 is our choice.
    """

    def __init__(self, channels: int, momentum: float) -> None:
        """Build the layers; the epsilon of the batch norm is that of the other form, 1e-6."""
        super().__init__()
        wide = FEED_FORWARD_EXPANSION * channels
        self.expansion = nn.Sequential(
            BatchNorm(channels, eps=1e-6, momentum=momentum), nn.Conv2d(channels, wide, 1)
        )
        self.mixing = nn.Conv2d(wide, wide, 3, 1, 1, groups=wide)
        self.projection = nn.Conv2d(wide, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        return cast('Tensor', self.projection(F.gelu(self.mixing(self.expansion(x)))))
