# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build the layers that networks share, in the order in which an image passes them.

Batch norm and resizing first, which all use; then stem, residual stages, the feed-forward part of
an attention block, context pooling and the head.
"""

from __future__ import annotations

from typing import cast

from rtformer_ros.errors import ConfigError
import torch
from torch import nn, Tensor
import torch.nn.functional as F


class BatchNorm(nn.BatchNorm2d):
    """
    Normalise a batch as nn.BatchNorm2d does, but keep the biased running variance.

    The reference keeps the variance that it normalises with (divided by n, not n - 1). The
    two differ where a batch has few values a channel, as behind DAPPM's global pooling.
    """

    def forward(self, x: Tensor) -> Tensor:
        """
        Return x normalised a channel; NCHW in and out.

        Raises ConfigError for a batch in training that has one value a channel.
        """
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1]
        if count < 2:
            raise ConfigError(
                'a batch of one image cannot be trained on: behind global pooling it has one '
                'value a channel, and batch norm needs two; set --batch-size to 2 or more'
            )
        momentum, running_var = cast('float', self.momentum), cast('Tensor', self.running_var)
        unbiased = running_var.clone()
        normalised = F.batch_norm(
            x, self.running_mean, unbiased, self.weight, self.bias, True, momentum, self.eps
        )
        kept = running_var * (1 - momentum)
        running_var.copy_(kept + (unbiased - kept) * ((count - 1) / count))
        return normalised


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize NCHW bilinearly to (height, width) with half-pixel centres."""
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)


def spatial_size(x: Tensor) -> tuple[int, int]:
    """Return (height, width) of NCHW, as plain numbers even where the call is being traced."""
    return int(x.shape[2]), int(x.shape[3])


def norm_relu_conv(
    in_channels: int, out_channels: int, kernel: int, momentum: float, stride: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return batch norm, ReLU and a convolution without bias, in pre-activation order."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return BatchNorm(in_channels, momentum=momentum), nn.ReLU(), conv


def conv_norm(conv: nn.Conv2d, momentum: float) -> tuple[nn.Module, nn.Module]:
    """Return a convolution and its batch norm."""
    return conv, BatchNorm(conv.out_channels, momentum=momentum)


def halving_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 3x3 convolution of stride 2 without a bias."""
    return nn.Conv2d(in_channels, out_channels, 3, 2, 1, bias=False)


def stem(out_channels: int, momentum: float) -> nn.Sequential:
    """Return the stem: two 3x3 convolutions of stride 2, from RGB to `out_channels` at 1/4."""
    return nn.Sequential(
        nn.Conv2d(3, out_channels, 3, 2, 1),
        BatchNorm(out_channels, momentum=momentum),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, 2, 1),
        BatchNorm(out_channels, momentum=momentum),
        nn.ReLU(),
    )


class BasicBlock(nn.Module):
    """Add two 3x3 convolutions to their input (ResNet's basic block, arXiv 1512.03385)."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, momentum: float, final_relu: bool
    ) -> None:
        """Build the block; stride 1 or 2, final_relu: whether the sum is rectified."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1: nn.Module = BatchNorm(out_channels, momentum=momentum)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2: nn.Module = BatchNorm(out_channels, momentum=momentum)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                BatchNorm(out_channels, momentum=momentum),
            )
        self.final_relu = final_relu

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW, at x's size divided by the stride, rounded up."""
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        total = residual + self.downsample(x)
        return F.relu(total) if self.final_relu else cast('Tensor', total)


def basic_stage(
    in_channels: int, out_channels: int, stride: int, momentum: float
) -> nn.Sequential:
    """Return a stage of two basic blocks; its output is not rectified."""
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride, momentum, final_relu=True),
        BasicBlock(out_channels, out_channels, 1, momentum, final_relu=False),
    )


class MLP(nn.Module):
    """
    Mix space and channels: batch norm, 3x3 convolution, exact GELU, 3x3 convolution.

    This is the feed-forward network of an RTFormer block (arXiv 2210.07124, section 3).
    """

    def __init__(self, channels: int, momentum: float) -> None:
        """Build the layers; the epsilon of this one batch norm is 1e-6."""
        super().__init__()
        self.norm = BatchNorm(channels, eps=1e-6, momentum=momentum)
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        return cast('Tensor', self.conv2(F.gelu(self.conv1(self.norm(x)))))


class DropPath(nn.Module):
    """
    Drop a residual branch for single samples in training (stochastic depth, arXiv 1603.09382).

    A kept sample is divided by the keep rate, so that the expected value stays.
    """

    def __init__(self, rate: float) -> None:
        """Keep the chance, 0 to below 1, that a sample's branch is dropped."""
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return x with whole samples [n, ...] set to zero or scaled up; x itself in eval mode."""
        if not self.training or self.rate == 0:
            return x
        keep_rate = 1 - self.rate
        kept = torch.empty((x.shape[0], 1, 1, 1), dtype=x.dtype, device=x.device)
        return x * (kept.bernoulli_(keep_rate) / keep_rate)


_POOLINGS = ((5, 2), (9, 4), (17, 8))


class DAPPM(nn.Module):
    """
    Gather context at five scales (deep aggregation pyramid pooling, arXiv 2101.06085).

    The scales go from the pixel itself to the whole image; each is added to the processed one
    before it. Average pools count their padding unless count_padding is False.
    """

    def __init__(
        self,
        in_channels: int,
        inner_channels: int,
        out_channels: int,
        momentum: float,
        *,
        count_padding: bool = True,
    ) -> None:
        """Build five scales of `inner_channels`, four processes, compression and shortcut."""
        super().__init__()
        self.scale0 = nn.Sequential(*norm_relu_conv(in_channels, inner_channels, 1, momentum))
        pools: list[nn.Module] = [
            nn.AvgPool2d(k, s, k // 2, count_include_pad=count_padding) for k, s in _POOLINGS
        ]
        pools.append(nn.AdaptiveAvgPool2d(1))
        for index, pool in enumerate(pools, start=1):
            scale = nn.Sequential(pool, *norm_relu_conv(in_channels, inner_channels, 1, momentum))
            process = nn.Sequential(*norm_relu_conv(inner_channels, inner_channels, 3, momentum))
            self.add_module(f'scale{index}', scale)
            self.add_module(f'process{index}', process)
        self.compression = nn.Sequential(
            *norm_relu_conv(inner_channels * (len(pools) + 1), out_channels, 1, momentum)
        )
        self.shortcut = nn.Sequential(*norm_relu_conv(in_channels, out_channels, 1, momentum))
        self.pooled_scales = len(pools)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, h, w] for x [n, in, h, w]."""
        size = spatial_size(x)
        processed: list[Tensor] = [self.scale0(x)]
        for index in range(1, self.pooled_scales + 1):
            scale = self.get_submodule(f'scale{index}')(x)
            process = self.get_submodule(f'process{index}')
            processed.append(process(upsample(scale, size) + processed[-1]))
        return cast('Tensor', self.compression(torch.cat(processed, dim=1)) + self.shortcut(x))


class SegmentationHead(nn.Module):
    """Classify each pixel: BN, ReLU, 3x3 convolution, BN, ReLU, 1x1 convolution with bias."""

    def __init__(
        self, in_channels: int, inner_channels: int, num_classes: int, momentum: float
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.bn1 = BatchNorm(in_channels, momentum=momentum)
        self.conv1 = nn.Conv2d(in_channels, inner_channels, 3, 1, 1, bias=False)
        self.bn2: nn.Module = BatchNorm(inner_channels, momentum=momentum)
        self.conv2 = nn.Conv2d(inner_channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, num_classes, h, w] for features [n, in, h, w]."""
        x = self.conv1(F.relu(self.bn1(x)))
        return cast('Tensor', self.conv2(F.relu(self.bn2(x))))
