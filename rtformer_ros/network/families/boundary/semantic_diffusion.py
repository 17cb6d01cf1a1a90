# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Semantic diffusion: a neck that sharpens features where classes meet (arXiv 2302.02057).

The paper says that a semantic difference convolution and a feature fusion module approximate
anisotropic diffusion of a feature map, and that they stand between encoder and decoder. It came
without code, and its equations could not be had: the rest of what stands here is our choice.
"""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import conv_norm
from rtformer_ros.network.families.boundary.semantic_difference import SemanticDifferenceConv
import torch
from torch import nn, Tensor

_GUIDANCE_CHANNELS = 16


class SemanticDiffusion(nn.Module):
    """
    Add to features what fusing them with their semantic differences gives.

    out = F + norm(1x1 convolution of [F, SDC(F, S)]), the single-scale form of the neck. The
    guidance S is a 1x1 convolution with its norm, to 16 channels, of a map that knows the
    context; gradients flow into it. All of this is ours; the step size of the diffusion is in
    the weights.

    The last norm begins with the weight 0: the neck then returns its input bit for bit, so that
    a network which was trained without one may go on with it.
    """

    def __init__(self, channels: int, context_channels: int, momentum: float) -> None:
        """Build the layers for features of `channels` and context of `context_channels`."""
        super().__init__()
        guide = nn.Conv2d(context_channels, _GUIDANCE_CHANNELS, 1, bias=False)
        self.guide = nn.Sequential(*conv_norm(guide, momentum))
        self.difference = SemanticDifferenceConv(channels, _GUIDANCE_CHANNELS, momentum)
        conv, norm = conv_norm(nn.Conv2d(2 * channels, channels, 1, bias=False), momentum)
        nn.init.zeros_(cast('nn.BatchNorm2d', norm).weight)
        self.fusion = nn.Sequential(conv, norm)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Return [n, c, h, w] for features of that shape and context [n, context, h, w]."""
        differences = self.difference(features, self.guide(context))
        return features + cast('Tensor', self.fusion(torch.cat([features, differences], dim=1)))
