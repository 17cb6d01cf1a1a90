# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Share what networks of four scales need: a light decoder, padding, rates and fresh weights.

The decoder is that of SegFormer (arXiv 2105.15203, section 3.2): all scales to one width and to
1/4, one 1x1 convolution over them, and the classes; each scale has a layer norm first. That these
encoders get it, its width and the auxiliary head are our choice: their papers segment with
UperNet, which computes many times more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtformer_ros.network.blocks import BatchNorm, SegmentationHead, spatial_size, upsample
from rtformer_ros.network.family import SegmentationNetwork
from rtformer_ros.network.weight_shapes import output_channels
import torch
from torch import nn, Tensor
import torch.nn.functional as F

DECODER_CHANNELS = 128

SCALE_FUSION_PREFIXES = ('decoder.', 'auxiliary.')
"""Of the names of the weights that only segment."""

SCALE_FUSION_LAST_LAYER = 'decoder.classify'


class ChannelNorm(nn.LayerNorm):
    """Normalise each pixel of NCHW over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW of x's shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ScaleFusionHead(nn.Module):
    """Classify each pixel of a map at 1/4 from maps at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(
        self, in_channels: Sequence[int], inner_channels: int, num_classes: int, momentum: float
    ) -> None:
        """Build the layers; in_channels: of the four scales, finest first."""
        super().__init__()
        self.project = nn.ModuleList(
            nn.Sequential(ChannelNorm(channels), nn.Conv2d(channels, inner_channels, 1))
            for channels in in_channels
        )
        self.fuse = nn.Sequential(
            nn.Conv2d(len(in_channels) * inner_channels, inner_channels, 1, bias=False),
            BatchNorm(inner_channels, momentum=momentum),
            nn.ReLU(),
        )
        self.classify = nn.Conv2d(inner_channels, num_classes, 1)

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        """Return logits [n, num_classes, h/4, w/4] for [n, c, h/4, w/4] and three coarser maps."""
        size = spatial_size(scales[0])
        projected = [project(x) for project, x in zip(self.project, scales, strict=True)]
        resized = [projected[0], *(upsample(x, size) for x in projected[1:])]
        logits: Tensor = self.classify(self.fuse(torch.cat(resized, dim=1)))
        return logits


class ScaleFusionSegmenter(SegmentationNetwork):
    """What an encoder of four scales needs beside it to segment."""

    auxiliary: nn.Module | None

    def add_heads(
        self,
        widths: Sequence[int],
        inner_channels: int,
        num_classes: int,
        momentum: float,
        *,
        has_auxiliary: bool,
    ) -> None:
        """Build the decoder, and a head over the third scale; widths: of the four scales."""
        inner = (inner_channels, num_classes, momentum)
        self.decoder = ScaleFusionHead(widths, *inner)
        self.auxiliary = SegmentationHead(widths[2], *inner) if has_auxiliary else None


def scale_fusion_settings(state: Mapping[str, Tensor], family: str) -> dict[str, Any]:
    """
    Return num_classes, head_channels and aux_head that the weights of ScaleFusionSegmenter show.

    family: as of output_channels. A backbone alone gets the smallest head. Raises CheckpointError
    as that does.
    """
    settings = {
        'num_classes': 1,
        'head_channels': 1,
        'aux_head': 'auxiliary.conv1.weight' in state,
    }
    last = f'{SCALE_FUSION_LAST_LAYER}.weight'
    if last in state:
        settings['num_classes'] = output_channels(state, last, family)
        settings['head_channels'] = output_channels(state, 'decoder.fuse.0.weight', family)
    return settings


def padded_to(x: Tensor, multiple: int) -> Tensor:
    """Return NCHW with zeros below and on the right, up to a multiple of so many pixels."""
    height, width = spatial_size(x)
    below, right = -height % multiple, -width % multiple
    return F.pad(x, (0, right, 0, below)) if below or right else x


def upsampled_to_image(logits: Tensor, image_size: tuple[int, int], stride: int) -> Tensor:
    """
    Return logits of a padded image at its pixels, without those of the padding.

    logits: NCHW at 1/stride of the padded image; image_size: (height, width) before the padding.
    """
    height, width = spatial_size(logits)
    full = upsample(logits, (height * stride, width * stride))
    if spatial_size(full) == image_size:
        return full
    return full[:, :, : image_size[0], : image_size[1]]


def drop_path_rates(depths: Sequence[int], highest: float) -> list[float]:
    """Return the rate of each block of an encoder, from 0 in the first to the highest."""
    count = sum(depths)
    return [highest * index / max(1, count - 1) for index in range(count)]


def initialise_layer(module: nn.Module) -> None:
    """Draw the weights of a layer: linear ones from a narrow normal, as vision transformers do."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
