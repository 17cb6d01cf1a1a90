# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Build the encoder of MixFormer, four scales of blocks, and know its weights in any layout."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.blocks import BatchNorm
from rtformer_ros.network.families.mixformer.architecture import (
    MIXFORMER_VARIANTS,
    MixFormerEncoderArchitecture,
    STAGES,
)
from rtformer_ros.network.families.mixformer.block import MixFormerBlock
from rtformer_ros.network.families.scale_fusion import drop_path_rates, padded_to
from rtformer_ros.network.family import Network
from rtformer_ros.network.weight_shapes import output_channels
from torch import nn, Tensor

STRIDE = 32
"""Images are padded to a multiple of so many pixels, the mean colour below and on the right."""

_TITLE = 'MixFormer'
_FIRST_BLOCK = 'layers.0.blocks.0'
_QKV = f'{_FIRST_BLOCK}.attn.qkv.weight'
_TABLE = f'{_FIRST_BLOCK}.attn.relative_position_bias_table'
ENCODER_MARKS = (f'{_FIRST_BLOCK}.attn.proj_cnn.weight', _TABLE, 'patch_embed.stem.0.weight')


class ConvolutionalStem(nn.Module):
    """Four convolutions from an image to a map at 1/4."""

    def __init__(self, channels: int, momentum: float) -> None:
        """Build the layers; all but the last have half the channels."""
        super().__init__()
        half = channels // 2
        layers: list[nn.Module] = []
        for in_channels, stride in ((3, 2), (half, 1), (half, 1)):
            layers += [
                nn.Conv2d(in_channels, half, 3, stride, 1),
                BatchNorm(half, momentum=momentum),
                nn.GELU(),
            ]
        self.stem = nn.Sequential(*layers)
        self.proj = nn.Conv2d(half, channels, 2, 2)
        self.norm = nn.LayerNorm(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Return [n, h/4, w/4, c] for images [n, 3, h, w]."""
        return cast('Tensor', self.norm(self.proj(self.stem(images)).permute(0, 2, 3, 1)))


class MixFormerStage(nn.Module):
    """The blocks of one scale, and what halves the map and doubles its width behind them."""

    def __init__(
        self, architecture: MixFormerEncoderArchitecture, stage: int, drop_path: list[float]
    ) -> None:
        """Build the layers; drop_path: the rate of each block."""
        super().__init__()
        a, channels = architecture, architecture.widths[stage]
        heads = channels // 2 // a.head_size
        self.blocks = nn.Sequential(
            *(MixFormerBlock(channels, heads, rate, a.bn_momentum) for rate in drop_path)
        )
        self.downsample: nn.Module | None = None
        if stage + 1 < STAGES:
            norm = BatchNorm(channels, momentum=a.bn_momentum)
            reduction = nn.Conv2d(channels, 2 * channels, 2, 2)
            self.downsample = nn.Sequential(OrderedDict(norm=norm, reduction=reduction))


class MixFormerEncoder(Network):
    """Read an image at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, architecture: MixFormerEncoderArchitecture) -> None:
        """Build the layers."""
        super().__init__()
        self.architecture: MixFormerEncoderArchitecture = architecture
        a, rates = architecture, drop_path_rates(architecture.depths, architecture.drop_path_rate)
        self.patch_embed = ConvolutionalStem(a.base_channels, a.bn_momentum)
        self.layers = nn.ModuleList(
            MixFormerStage(a, stage, [rates.pop(0) for _ in range(depth)])
            for stage, depth in enumerate(a.depths)
        )

    def scales(self, images: Tensor) -> list[Tensor]:
        """
        Return four maps [n, h', w', c], at 1/4 to 1/32 of the padded images.

        images: normalised float [n, 3, h, w].
        """
        x = self.patch_embed(padded_to(images, STRIDE))
        scales = []
        for layer in self.layers:
            stage = cast('MixFormerStage', layer)
            x = stage.blocks(x)
            scales.append(x)
            if stage.downsample is not None:
                x = stage.downsample(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return scales


def own_layout(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with linear layers [out, in], where Paddle has them [in, out]."""
    qkv = state.get(_QKV)
    if qkv is None or qkv.ndim != 2 or qkv.shape[1] != 3 * qkv.shape[0]:
        return dict(state)
    return {
        key: value.t().contiguous() if value.ndim == 2 and key.endswith('.weight') else value
        for key, value in state.items()
    }


def encoder_settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the arguments of MixFormerEncoderArchitecture that weights in our layout show.

    Raises CheckpointError, naming the key at fault, for weights of another network.
    """
    base_channels = output_channels(state, 'patch_embed.proj.weight', _TITLE)
    depths = tuple(_depth(state, stage) for stage in range(STAGES))
    table = state.get(_TABLE)
    if table is None or table.ndim != 2 or not table.shape[1]:
        raise CheckpointError(f"is no {_TITLE} checkpoint: it lacks '{_TABLE}', or its heads")
    head_size = base_channels // 2 // table.shape[1]
    for variant, published in MIXFORMER_VARIANTS.items():
        shown = (published.base_channels, published.depths, published.head_size)
        if shown == (base_channels, depths, head_size):
            return {
                'variant': variant,
                'num_classes': 1,
                'base_channels': base_channels,
                'depths': depths,
                'head_size': head_size,
                'drop_path_rate': published.drop_path_rate,
            }
    raise CheckpointError(
        f'holds a {_TITLE} of {base_channels} channels, heads of {head_size} and {depths} blocks; '
        f'none of {", ".join(MIXFORMER_VARIANTS)} is'
    )


def _depth(state: Mapping[str, Tensor], stage: int) -> int:
    depth = 0
    while f'layers.{stage}.blocks.{depth}.norm1.weight' in state:
        depth += 1
    return depth
