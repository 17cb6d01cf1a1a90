# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Semantic difference convolution: sum up differences of neighbours where semantics differ, too.

The paper (semantic diffusion network, arXiv 2302.02057) came without code, and its equations
could not be had. The form of this convolution is ours: anisotropic diffusion in one explicit
step, whose conductance is learned through the map that it is taken from.
"""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import conv_norm, spatial_size
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_OFFSETS = tuple((y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1))
"""Places of the eight neighbours in a 3x3 window, row by row."""


class NeighbourDifferences(nn.Module):
    """
    Subtract each pixel from its eight neighbours, exactly.

    Fixed depth-wise kernels of one 1 and one -1 do it: operators that every runtime has. The map
    is padded with its border pixels: zeros would be an edge that no image has.
    """

    kernels: Tensor

    def __init__(self, channels: int) -> None:
        """Lay out the kernels for maps of so many channels; they are no weights of a file."""
        super().__init__()
        self.channels = channels
        kernels = torch.zeros(len(_OFFSETS), 1, 3, 3)
        for index, (y, x) in enumerate(_OFFSETS):
            kernels[index, 0, y, x] = 1
        kernels[:, 0, 1, 1] = -1
        self.register_buffer('kernels', kernels.repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, channels, 8, h, w] for x [n, channels, h, w]; neighbours row by row."""
        padded = F.pad(x, (1, 1, 1, 1), mode='replicate')
        differences = F.conv2d(padded, self.kernels, groups=self.channels)
        return differences.reshape(-1, self.channels, len(_OFFSETS), *spatial_size(x))


class SemanticDifferenceConv(nn.Module):
    """
    Mix the differences F_q - F_p to eight neighbours q, each weighed by a conductance h(S_p, S_q).

    F: features; S: guidance, a map of semantics. out_p = norm(sum over q of w_q h_pq (F_q - F_p)),
    with eight weights w a channel and h_pq = 1 - exp(-mean over channels of (S_q - S_p)^2), which
    lies from 0, where semantics are alike, to 1. With h = 1 it is a central difference
    convolution (arXiv 2003.04158, theta 1). h is what Perona and Malik's first conductance (1990)
    leaves of 1: theirs smooths inside a region, this acts across its border. It needs no scale of
    its own, as the norm behind which the guidance comes has one.
    """

    def __init__(self, channels: int, guidance_channels: int, momentum: float) -> None:
        """Build the layers."""
        super().__init__()
        self.channels = channels
        self.differences = NeighbourDifferences(channels)
        self.guidance_differences = NeighbourDifferences(guidance_channels)
        mixing = nn.Conv2d(channels * len(_OFFSETS), channels, 1, groups=channels, bias=False)
        self.mixing = nn.Sequential(*conv_norm(mixing, momentum))

    def forward(self, features: Tensor, guidance: Tensor) -> Tensor:
        """Return [n, c, h, w] for features of that shape and guidance [n, g, h, w]."""
        weighed = self.differences(features) * self.conductance(guidance).unsqueeze(1)
        joined = self.channels * len(_OFFSETS)
        return cast('Tensor', self.mixing(weighed.reshape(-1, joined, *spatial_size(features))))

    def conductance(self, guidance: Tensor) -> Tensor:
        """
        Return h, 0..1, [n, 8, h, w] for guidance [n, g, h, w]; neighbours row by row.

        Squares are summed up in float32 at least. It stays bounded where half precision, in
        another program, makes infinity of a square.
        """
        differences = self.guidance_differences(guidance)
        is_half = differences.dtype in (torch.float16, torch.bfloat16)
        contrast = (differences.float() if is_half else differences).square().mean(dim=1)
        conductance = 1 - torch.exp(-contrast)
        return conductance.to(differences.dtype) if is_half else conductance
