# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The basic block of parallel groups, in which groups see each other."""

from __future__ import annotations

from rtformer_ros.network.blocks import BasicBlock
from rtformer_ros.network.quantisation.parallel.cyclic_shuffle import (
    CyclicShuffle,
    shuffled_channels,
)
from torch import nn, Tensor
import torch.nn.functional as F


class ParallelBlock(BasicBlock):
    """
    Add two convolutions of parallel groups to an input.

    shuffle: what the input goes through first, if anything. Where the block changes the size or
    the channels, the channels of the sum's first part are shuffled over the groups.
    """

    groups: int
    shuffle: CyclicShuffle | None
    shuffles_channels: bool

    @staticmethod
    def convert(block: BasicBlock, groups: int, shuffle: CyclicShuffle | None) -> None:
        """Turn a block, whose layers are those of parallel groups already, into one of these."""
        block.__class__ = ParallelBlock
        assert isinstance(block, ParallelBlock)
        block.groups, block.shuffle = groups, shuffle
        block.shuffles_channels = not isinstance(block.downsample, nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW, at x's size divided by the stride, rounded up."""
        if self.shuffle is not None:
            x = self.shuffle(x)
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.shuffles_channels:
            residual = shuffled_channels(residual, self.groups)
        total: Tensor = residual + self.downsample(x)
        return F.relu(total) if self.final_relu else total
