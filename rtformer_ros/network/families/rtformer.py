# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Assemble RTFormer (arXiv 2210.07124) from its parts, and describe it as a network family.

Layers are named as the reference (PaddleSeg) names them, so that weights map one to one; a
trailing underscore means the high branch. No other module knows these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rtformer_ros.network.blocks import (
    basic_stage,
    BasicBlock,
    DAPPM,
    norm_relu_conv,
    SegmentationHead,
    spatial_size,
    stem,
    upsample,
)
from rtformer_ros.network.families.attention.cross_resolution import CrossTokens
from rtformer_ros.network.families.attention.external import ExternalAttention
from rtformer_ros.network.families.attention.gpu_friendly import GpuFriendlyAttention
from rtformer_ros.network.families.attention.linformer import LinformerAttention
from rtformer_ros.network.families.block_forms import (
    FeedForward,
    forms_of,
    HighAttention,
    LowAttention,
)
from rtformer_ros.network.families.boundary.semantic_diffusion import SemanticDiffusion
from rtformer_ros.network.families.rtformer_architecture import (
    Boundary,
    given_options,
    published_settings,
    RTFormerArchitecture,
    VariantName,
    VARIANTS,
)
from rtformer_ros.network.families.rtformer_block import BlockSettings, RTFormerBlock
from rtformer_ros.network.family import (
    Network,
    NetworkFamily,
    NormPlace,
    SegmentationNetwork,
)
from rtformer_ros.network.weight_shapes import base_channels_of, output_channels
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_DAPPM_CHANNELS = 128


class RTFormerBackbone(Network):
    """A high (1/8) and a low branch (1/32) that attend to each other."""

    def __init__(self, architecture: RTFormerArchitecture) -> None:
        """Build the layers."""
        super().__init__()
        self.architecture: RTFormerArchitecture = architecture
        a, c, momentum = architecture, architecture.base_channels, architecture.bn_momentum
        self.conv1 = stem(c, momentum)
        self.layer1 = basic_stage(c, c, 1, momentum)
        self.layer2 = basic_stage(c, 2 * c, 2, momentum)
        self.layer3 = basic_stage(2 * c, 4 * c, 2, momentum)
        self.compression3 = nn.Sequential(*norm_relu_conv(4 * c, 2 * c, 1, momentum))
        self.layer3_ = nn.Sequential(BasicBlock(2 * c, 2 * c, 1, momentum, final_relu=True))
        self.layer4 = RTFormerBlock(_block_settings(a, 4 * c, a.injection[0]))
        self.layer5 = RTFormerBlock(_block_settings(a, 8 * c, a.injection[1]))

    def initialise(self) -> None:
        """Draw the weights of all layers as the reference does."""
        self.apply(_initialise)

    def branches(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Return what the auxiliary head reads and both branches, none of them rectified.

        These are [n, 2c, h/8, w/8], [n, 2c, h/8, w/8] and [n, 8c, h/32, w/32], sizes rounded up.
        """
        x1 = self.layer1(self.conv1(images))
        x2 = self.layer2(F.relu(x1))
        x3 = self.layer3(F.relu(x2))
        x3_ = self.layer3_(F.relu(x2 + upsample(self.compression3(x3), spatial_size(x2))))
        x4_, x4 = self.layer4(x3_, F.relu(x3))
        x5_, x5 = self.layer5(F.relu(x4_), F.relu(x4))
        return x3_, x5_, x5


class RTFormer(RTFormerBackbone, SegmentationNetwork):
    """
    Segment images with both branches, concatenated behind the low one's context module.

    Where the architecture has a boundary neck, the high branch goes through it, guided by that
    context.
    """

    def __init__(self, architecture: RTFormerArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        a, c, momentum = architecture, architecture.base_channels, architecture.bn_momentum
        self.spp = DAPPM(8 * c, _DAPPM_CHANNELS, 2 * c, momentum)
        self.sdn: nn.Module | None = None
        if a.boundary == 'sdn':
            self.sdn = SemanticDiffusion(2 * c, 2 * c, momentum)
        self.seghead = SegmentationHead(4 * c, 2 * a.head_channels, a.num_classes, momentum)
        self.seghead_extra: nn.Module | None = None
        if a.aux_head:
            self.seghead_extra = SegmentationHead(2 * c, a.head_channels, a.num_classes, momentum)
        self.initialise()

    @property
    def family(self) -> NetworkFamily:
        """Return RTFORMER."""
        return RTFORMER

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits of both heads at 1/8 of the images' size, rounded up."""
        shared, high, low = self.branches(images)
        context = upsample(self.spp(low), spatial_size(high))
        if self.sdn is not None:
            high = self.sdn(high, context)
        logits = self.seghead(torch.cat([high, context], dim=1))
        return logits, self.auxiliary_logits(self.seghead_extra, shared)


def _block_settings(a: RTFormerArchitecture, low_in: int, injection: bool) -> BlockSettings:
    c = a.base_channels
    return BlockSettings(
        low_in=low_in,
        low_out=8 * c,
        high=2 * c,
        cross_size=a.cross_size,
        forms=a.forms,
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
    elif isinstance(module, GpuFriendlyAttention | ExternalAttention | LinformerAttention):
        module.draw_weights()
    elif isinstance(module, CrossTokens):
        nn.init.trunc_normal_(cast('nn.Conv2d', module[-1]).weight, std=0.02, a=-0.04, b=0.04)


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
    attention: LowAttention | None = None,
    high: HighAttention | None = None,
    feed_forward: FeedForward | None = None,
    groups: tuple[int, int] | None = None,
    memory_ratio: float | None = None,
    projected_tokens: int | None = None,
    boundary: Boundary | None = None,
) -> RTFormer:
    """
    Return an RTFormer in training mode with fresh weights.

    What is None is as published for Cityscapes (see VARIANTS); ADE20K's networks have
    drop_path_rate 0.1, its slim one cross_size 8 and injection (True, False) as well.
    bn_momentum: PyTorch's usual 0.1; the reference trains with what PyTorch calls 0.9, which
    makes the running statistics those of the last batch. base_channels (a multiple of 8) and
    head_channels make narrower or wider networks than those published.
    attention to projected_tokens: forms that the paper compares its own with; see BlockForms.
    boundary: 'sdn' for a neck that sharpens borders, see SemanticDiffusion; not of the paper.
    Raises ConfigError for a value that no network can have.
    """
    options = {
        'base_channels': base_channels,
        'head_channels': head_channels,
        'cross_size': cross_size,
        'injection': injection,
        'drop_path_rate': drop_path_rate,
        'aux_head': aux_head,
        'bn_momentum': bn_momentum,
        'attention': attention,
        'high': high,
        'feed_forward': feed_forward,
        'groups': groups,
        'memory_ratio': memory_ratio,
        'projected_tokens': projected_tokens,
        'boundary': boundary,
    }
    return RTFormer(
        RTFormerArchitecture(
            variant, num_classes, **{**published_settings(variant), **given_options(options)}
        )
    )


_FIRST_LAYER, _LAST_LAYER = 'conv1.0', 'seghead.conv2'
_NECK = 'sdn.'
_BLOCK_PARTS = ('attn_shortcut_l', 'mlp_l', 'compression', 'mlp_h', 'down')
_CONTEXT_PARTS = (
    *(f'scale{index}' for index in range(5)),
    *(f'process{index}' for index in range(1, 5)),
    *('compression', 'shortcut'),
)


def _settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the arguments of RTFormerArchitecture that the shapes of weights show.

    A backbone alone gets the smallest head. The grid of cross-resolution attention leaves no
    trace: it is that of the published network with the same variant and injection. Raises
    CheckpointError, naming the key at fault, for weights of another network.
    """
    widths = {published.base_channels: name for name, published in VARIANTS.items()}
    base_channels = base_channels_of(state, _FIRST_LAYER, 'RTFormer', widths)
    variant = widths[base_channels]
    injection = tuple(f'{block}.down.0.weight' in state for block in ('layer4', 'layer5'))
    # Published for ADE20K; the only slim network without injection in block 5.
    is_slim_ade20k = variant == 'slim' and injection == (True, False)
    settings = {
        'variant': variant,
        'num_classes': 1,
        'base_channels': base_channels,
        'head_channels': 1,
        'cross_size': 8 if is_slim_ade20k else VARIANTS[variant].cross_size,
        'injection': injection,
        'drop_path_rate': VARIANTS[variant].drop_path_rate,
        'aux_head': 'seghead_extra.conv1.weight' in state,
        'boundary': 'sdn' if any(key.startswith(_NECK) for key in state) else 'none',
        **forms_of(state),
    }
    if RTFORMER.has_head(state):
        inner = output_channels(state, 'seghead.conv1.weight', 'RTFormer')
        settings['num_classes'] = output_channels(state, f'{_LAST_LAYER}.weight', 'RTFormer')
        settings['head_channels'] = max(1, inner // 2)
    return settings


RTFORMER = NetworkFamily(
    name='rtformer',
    title='RTFormer',
    variants={f'rtformer_{variant}': variant for variant in VARIANTS},
    build=build_rtformer,
    architecture=RTFormerArchitecture,
    network=RTFormer,
    marks=(
        'layer4.attn_l.k',
        'layer4.attn_h.norm.weight',
        'layer4.cross_kv.2.weight',
        'layer4.mlp_l.norm.weight',
        'layer4.mlp_l.mixing.weight',
    ),
    settings_of=_settings_of,
    head_prefixes=('spp.', _NECK, 'seghead.', 'seghead_extra.'),
    first_layer=_FIRST_LAYER,
    last_layer=_LAST_LAYER,
    training_only=('seghead_extra',),
    norms_after=(
        NormPlace(BasicBlock, norm='bn1', weights='conv1'),
        NormPlace(BasicBlock, norm='bn2', weights='conv2'),
        NormPlace(SegmentationHead, norm='bn2', weights='conv1'),
    ),
    norms_before_softmax=(NormPlace(GpuFriendlyAttention, norm='norm', weights='k'),),
    parallel=(
        *('layer1', 'layer2', 'layer3', 'compression3', 'layer3_'),
        *(f'{block}.{part}' for block in ('layer4', 'layer5') for part in _BLOCK_PARTS),
        *(f'spp.{part}' for part in _CONTEXT_PARTS),
    ),
)
