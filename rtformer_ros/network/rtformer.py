"""Assemble RTFormer (arXiv 2210.07124) from its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.architecture import VARIANTS, Architecture, VariantName
from rtformer_ros.network.attention import (
    CrossResolutionAttention,
    CrossTokens,
    GpuFriendlyAttention,
)
from rtformer_ros.network.blocks import (
    DAPPM,
    MLP,
    BasicBlock,
    BatchNorm,
    DropPath,
    SegmentationHead,
    basic_stage,
    norm_relu_conv,
    spatial_size,
    stem,
    upsample,
)
from rtformer_ros.network.blocks import upsample as resize


@dataclass(frozen=True)
class BlockSettings:
    """Widths and switches of one block: low_in and low_out channels, high channels."""

    low_in: int
    low_out: int
    high: int
    cross_size: int
    injection: bool
    drop_path_rate: float
    momentum: float


class RTFormerBlock(nn.Module):
    """
    Refine a high branch (1/8) and a low branch (1/32) with each other.

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
        self.attn_l = GpuFriendlyAttention(s.low_in, s.low_out, s.momentum)
        self.mlp_l = MLP(s.low_out, s.momentum)
        self.compression = nn.Sequential(*norm_relu_conv(s.low_out, s.high, 1, s.momentum))
        self.attn_h = CrossResolutionAttention(s.high, s.momentum)
        self.mlp_h = MLP(s.high, s.momentum)
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
        x_h = x_h + self.drop_path(self.attn_h(x_h, self.cross_kv(x_l)))
        x_h = x_h + self.drop_path(self.mlp_h(x_h))

        if self.down is not None:
            x_l = x_l + self.down(x_h)
        return x_h, x_l


_DAPPM_CHANNELS = 128

Logits = Tensor | tuple[Tensor, Tensor]


class RTFormer(nn.Module):
    """
    Segment images with a high branch (1/8) and a low branch (1/32) that attend to each other.

    Layers are named as the reference (PaddleSeg) names them, so that weights map one to one;
    a trailing underscore means the high branch.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__()
        self.architecture = architecture
        a, c, momentum = architecture, architecture.base_channels, architecture.bn_momentum
        self.conv1 = stem(c, momentum)
        self.layer1 = basic_stage(c, c, 1, momentum)
        self.layer2 = basic_stage(c, 2 * c, 2, momentum)
        self.layer3 = basic_stage(2 * c, 4 * c, 2, momentum)
        self.compression3 = nn.Sequential(*norm_relu_conv(4 * c, 2 * c, 1, momentum))
        self.layer3_ = nn.Sequential(BasicBlock(2 * c, 2 * c, 1, momentum, final_relu=True))
        self.layer4 = RTFormerBlock(_block_settings(a, 4 * c, a.injection[0]))
        self.layer5 = RTFormerBlock(_block_settings(a, 8 * c, a.injection[1]))
        self.spp = DAPPM(8 * c, _DAPPM_CHANNELS, 2 * c, momentum)
        self.seghead = SegmentationHead(4 * c, 2 * a.head_channels, a.num_classes, momentum)
        self.seghead_extra: nn.Module | None = None
        if a.aux_head:
            self.seghead_extra = SegmentationHead(2 * c, a.head_channels, a.num_classes, momentum)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Logits:
        """
        Return logits at the size of the images.

        images: float [n, 3, h, w], RGB, normalised with MEAN_RGB and STD_RGB; any h and w.
        In eval mode, and without an auxiliary head: logits float [n, num_classes, h, w].
        In training mode with one: that and the auxiliary logits, of the same shape.
        """
        size = spatial_size(images)
        shared, features = self._features(images)
        logits = resize(self.seghead(features), size)
        if not self.training or self.seghead_extra is None:
            return logits
        return logits, resize(self.seghead_extra(shared), size)

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the auxiliary head [n, 2c, h/8, w/8] and the main head [n, 4c, ...] read."""
        x1 = self.layer1(self.conv1(images))
        x2 = self.layer2(F.relu(x1))
        x3 = self.layer3(F.relu(x2))
        eighth = spatial_size(x2)
        x3_ = self.layer3_(F.relu(x2 + resize(self.compression3(x3), eighth)))
        x4_, x4 = self.layer4(x3_, F.relu(x3))
        x5_, x5 = self.layer5(F.relu(x4_), F.relu(x4))
        return x3_, torch.cat([x5_, resize(self.spp(x5), eighth)], dim=1)


def build_rtformer(
    variant: VariantName,
    num_classes: int,
    *,
    cross_size: int | None = None,
    injection: tuple[bool, bool] | None = None,
    drop_path_rate: float | None = None,
    aux_head: bool = True,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    head_channels: int | None = None,
) -> RTFormer:
    """
    Return an RTFormer in training mode with fresh weights.

    What is None is as published for Cityscapes (see VARIANTS); ADE20K's networks have
    drop_path_rate 0.1, its slim one cross_size 8 and injection (True, False) as well.
    bn_momentum: PyTorch's usual 0.1; the reference trains with what PyTorch calls 0.9, which
    makes the running statistics those of the last batch. base_channels (a multiple of 8) and
    head_channels make narrower or wider networks than those published.
    Raises ConfigError for a value that no network can have.
    """
    if variant not in VARIANTS:
        raise ConfigError(f'variant is {variant!r}; expected one of {", ".join(VARIANTS)}')
    published = VARIANTS[variant]
    return RTFormer(
        Architecture(
            variant=variant,
            num_classes=num_classes,
            base_channels=_given(base_channels, published.base_channels),
            head_channels=_given(head_channels, published.head_channels),
            cross_size=_given(cross_size, published.cross_size),
            injection=published.injection if injection is None else injection,
            drop_path_rate=published.drop_path_rate if drop_path_rate is None else drop_path_rate,
            aux_head=aux_head,
            bn_momentum=bn_momentum,
        )
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _block_settings(a: Architecture, low_in: int, injection: bool) -> BlockSettings:
    c = a.base_channels
    return BlockSettings(
        low_in=low_in,
        low_out=8 * c,
        high=2 * c,
        cross_size=a.cross_size,
        injection=injection,
        drop_path_rate=a.drop_path_rate,
        momentum=a.bn_momentum,
    )


def _initialise(module: nn.Module) -> None:
    """Set a module's weights as the reference does; called for inner modules first."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, GpuFriendlyAttention):
        nn.init.normal_(module.k, std=0.001)
        nn.init.normal_(module.v, std=0.001)
    elif isinstance(module, CrossTokens):
        nn.init.trunc_normal_(cast('nn.Conv2d', module[-1]).weight, std=0.02, a=-0.04, b=0.04)
