# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build the two branches of DDRNet (arXiv 2101.06085, section 3), to segment and to classify.

Layers are named as the authors name them; a trailing underscore means the high branch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, TypeAlias

from rtformer_ros.network.blocks import (
    basic_stage,
    BasicBlock,
    BatchNorm,
    conv_norm,
    halving_conv,
    spatial_size,
    stem,
    upsample,
)
from rtformer_ros.network.family import Network, NormPlace
from torch import nn, Tensor
import torch.nn.functional as F


class Bottleneck(nn.Module):
    """Add 1x1, 3x3 and 1x1 convolutions to their input (arXiv 1512.03385); twice `inner` wide."""

    def __init__(
        self, in_channels: int, inner: int, stride: int, momentum: float, final_relu: bool
    ) -> None:
        """Build the block; stride 1 or 2, final_relu: whether the sum is rectified."""
        super().__init__()
        out_channels = 2 * inner
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1: nn.Module = BatchNorm(inner, momentum=momentum)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2: nn.Module = BatchNorm(inner, momentum=momentum)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3: nn.Module = BatchNorm(out_channels, momentum=momentum)
        self.downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            BatchNorm(out_channels, momentum=momentum),
        )
        self.final_relu = final_relu

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW, at x's size divided by the stride, rounded up."""
        residual = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        total = self.bn3(self.conv3(residual)) + self.downsample(x)
        return F.relu(total) if self.final_relu else cast('Tensor', total)


class SamePaddedConv2d(nn.Conv2d):
    """A 3x3 convolution of stride 2 that pads as Paddle's 'same': behind even sizes only."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Build the weights, without a bias."""
        super().__init__(in_channels, out_channels, 3, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW at half of x's size, rounded up."""
        top, left = (side % 2 for side in spatial_size(x))
        return super().forward(F.pad(x, (left, 1, top, 1)))


_Halving: TypeAlias = 'Callable[[int, int], nn.Conv2d]'


class DualResolutionBackbone(Network):
    """
    A high (1/8) and a low branch (to 1/32) that are added to each other twice.

    Of c base channels: 2c in the high branch, 4c and then 8c in the low one; the bottlenecks
    behind them return 4c and 16c.
    """

    def __init__(
        self,
        base_channels: int,
        momentum: float,
        *,
        last_stride: int,
        final_relu: bool,
        pads_behind_even: bool,
    ) -> None:
        """
        Build the layers.

        last_stride: of the low branch's bottleneck; final_relu: whether both bottlenecks rectify
        what they return; pads_behind_even: see SamePaddedConv2d.
        """
        super().__init__()
        c, high = base_channels, 2 * base_channels
        self.conv1 = stem(c, momentum)
        self.layer1 = basic_stage(c, c, 1, momentum)
        self.layer2 = basic_stage(c, 2 * c, 2, momentum)
        self.layer3 = basic_stage(2 * c, 4 * c, 2, momentum)
        self.layer4 = basic_stage(4 * c, 8 * c, 2, momentum)
        self.layer5 = nn.Sequential(Bottleneck(8 * c, 8 * c, last_stride, momentum, final_relu))
        self.layer3_ = basic_stage(high, high, 1, momentum)
        self.layer4_ = basic_stage(high, high, 1, momentum)
        self.layer5_ = nn.Sequential(Bottleneck(high, high, 1, momentum, final_relu))
        self.compression3 = nn.Sequential(
            *conv_norm(nn.Conv2d(4 * c, high, 1, bias=False), momentum)
        )
        self.compression4 = nn.Sequential(
            *conv_norm(nn.Conv2d(8 * c, high, 1, bias=False), momentum)
        )
        down: _Halving = SamePaddedConv2d if pads_behind_even else halving_conv
        self.down3 = nn.Sequential(*conv_norm(down(high, 4 * c), momentum))
        self.down4 = nn.Sequential(
            *conv_norm(halving_conv(high, 4 * c), momentum),
            nn.ReLU(),
            *conv_norm(halving_conv(4 * c, 8 * c), momentum),
        )

    def branches(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Return the high branch after stage 3, [n, 2c, h/8, w/8], and both after their bottlenecks.

        These are [n, 4c, h/8, w/8] and [n, 16c, h', w'], at 1/32 over the last stride. All sizes
        are rounded up.
        """
        shared = self.layer2(F.relu(self.layer1(self.conv1(images))))
        eighth = spatial_size(shared)
        low, high = self.layer3(F.relu(shared)), self.layer3_(F.relu(shared))
        # Each branch reads the other as it was before.
        low, high = (
            low + self.down3(F.relu(high)),
            high + upsample(self.compression3(F.relu(low)), eighth),
        )
        fused = high
        low, high = self.layer4(F.relu(low)), self.layer4_(F.relu(high))
        low, high = (
            low + self.down4(F.relu(high)),
            high + upsample(self.compression4(F.relu(low)), eighth),
        )
        return fused, self.layer5_(F.relu(high)), self.layer5(F.relu(low))


DDRNET_NORMS_AFTER = (
    NormPlace(BasicBlock, norm='bn1', weights='conv1'),
    NormPlace(BasicBlock, norm='bn2', weights='conv2'),
    NormPlace(Bottleneck, norm='bn1', weights='conv1'),
    NormPlace(Bottleneck, norm='bn2', weights='conv2'),
    NormPlace(Bottleneck, norm='bn3', weights='conv3'),
)


def initialise_convolution(module: nn.Module) -> None:
    """Draw the weights of a convolution as the authors do: normal, by its number of outputs."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
