# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Attention of the high branch to tokens of the low one (arXiv 2210.07124, section 3.2)."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import BatchNorm, spatial_size
from torch import nn, Tensor


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
