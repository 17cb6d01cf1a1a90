# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Build the RTFormer block: two branches, an attention each (arXiv 2210.07124, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from rtformer_ros.network.blocks import (
    BatchNorm,
    DropPath,
    MLP,
    norm_relu_conv,
    spatial_size,
    upsample,
)
from rtformer_ros.network.families.attention.cross_resolution import (
    CrossResolutionAttention,
    CrossTokens,
)
from rtformer_ros.network.families.attention.external import ExternalAttention
from rtformer_ros.network.families.attention.gpu_friendly import GpuFriendlyAttention
from rtformer_ros.network.families.attention.linformer import LinformerAttention
from rtformer_ros.network.families.attention.self_attention import SelfAttention
from rtformer_ros.network.families.block_forms import BlockForms
from rtformer_ros.network.families.feed_forward import DepthwiseFeedForward
from rtformer_ros.network.families.rtformer_architecture import ATTENTION_HEADS
from torch import nn, Tensor


@dataclass(frozen=True)
class BlockSettings:
    """
    Widths and switches of one block: low_in and low_out channels, high channels.

    forms: which attentions and which feed-forward network; see BlockForms.
    """

    low_in: int
    low_out: int
    high: int
    cross_size: int
    forms: BlockForms
    injection: bool
    drop_path_rate: float
    momentum: float


class RTFormerBlock(nn.Module):
    """
    Refine a high-resolution branch (1/8) and a low-resolution one (1/32) with each other.

    As published, the low branch runs GPU-friendly attention, then the high one cross-resolution
    attention over tokens of the refined low branch; each is followed by its feed-forward network.
    The forms of the settings exchange these parts for what the paper compares them with.

    The suffix _l of a layer means the low branch, _h the high one.
    """

    def __init__(self, settings: BlockSettings) -> None:
        """Build the layers; `down` exists only where the block injects high into low."""
        super().__init__()
        s = settings
        self.attn_shortcut_l: nn.Module = nn.Identity()
        if s.low_in != s.low_out:
            self.attn_shortcut_l = nn.Sequential(
                BatchNorm(s.low_in, momentum=s.momentum),
                nn.Conv2d(s.low_in, s.low_out, 1, 2, bias=False),
            )
        self.attn_l = _low_attention(s)
        self.mlp_l = _feed_forward(s, s.low_out)
        self.compression = nn.Sequential(*norm_relu_conv(s.low_out, s.high, 1, s.momentum))
        self.attn_h = _high_attention(s)
        self.mlp_h = _feed_forward(s, s.high)
        self.cross_kv: nn.Module | None = None
        if s.forms.high == 'cross':
            self.cross_kv = CrossTokens(s.low_out, s.high, s.cross_size, s.momentum)
        self.drop_path = DropPath(s.drop_path_rate)
        self.down: nn.Module | None = None
        if s.injection:
            self.down = nn.Sequential(
                *norm_relu_conv(s.high, s.low_out // 2, 3, s.momentum, stride=2),
                *norm_relu_conv(s.low_out // 2, s.low_out, 3, s.momentum, stride=2),
            )

    def forward(self, x_h: Tensor, x_l: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the refined (high, low) branches.

        x_h: [n, high, h, w]; x_l: [n, low_in, h', w'], at 1/2 of x_h's size where the block
        halves it, else at 1/4. The outputs are not rectified.
        """
        x_l = self.attn_shortcut_l(x_l) + self.drop_path(self.attn_l(x_l))
        x_l = x_l + self.drop_path(self.mlp_l(x_l))

        x_h = x_h + upsample(self.compression(x_l), spatial_size(x_h))
        if self.attn_h is not None:
            tokens = () if self.cross_kv is None else (self.cross_kv(x_l),)
            x_h = x_h + self.drop_path(self.attn_h(x_h, *tokens))
        x_h = x_h + self.drop_path(self.mlp_h(x_h))

        if self.down is not None:
            x_l = x_l + self.down(x_h)
        return x_h, x_l


def _low_attention(s: BlockSettings) -> nn.Module:
    widths = (s.low_in, s.low_out, s.momentum)
    match s.forms.attention:
        case 'mhsa':
            return SelfAttention(*widths, heads=ATTENTION_HEADS)
        case 'mhea':
            memory = s.forms.memory_size(s.low_out)
            return ExternalAttention(*widths, heads=ATTENTION_HEADS, memory=memory)
        case 'linformer':
            tokens = s.forms.projected_tokens
            return LinformerAttention(*widths, heads=ATTENTION_HEADS, tokens=tokens)
    return GpuFriendlyAttention(*widths, groups=s.forms.groups[0])


def _high_attention(s: BlockSettings) -> nn.Module | None:
    match s.forms.high:
        case 'gfa':
            inner, groups = s.cross_size**2, s.forms.groups[1]
            return GpuFriendlyAttention(
                s.high, s.high, s.momentum, groups=groups, inner_channels=inner
            )
        case 'none':
            return None
    return CrossResolutionAttention(s.high, s.momentum)


def _feed_forward(s: BlockSettings, channels: int) -> nn.Module:
    if s.forms.feed_forward == 'depthwise':
        return DepthwiseFeedForward(channels, s.momentum)
    return MLP(channels, s.momentum)
