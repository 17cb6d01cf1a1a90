# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Assemble MixFormer B0 to B6 (arXiv 2204.02557), to classify as published and to segment.

Layers are named as the reference (PaddleClas) names them, the decoder's apart, which is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtformer_ros.network.architecture import check_choice
from rtformer_ros.network.blocks import SegmentationHead, spatial_size
from rtformer_ros.network.families.mixformer.architecture import (
    MIXFORMER_VARIANTS,
    MixFormerArchitecture,
    MixFormerEncoderArchitecture,
)
from rtformer_ros.network.families.mixformer.encoder import (
    ENCODER_MARKS,
    encoder_settings_of,
    MixFormerEncoder,
    own_layout,
)
from rtformer_ros.network.families.scale_fusion import (
    DECODER_CHANNELS,
    initialise_layer,
    SCALE_FUSION_LAST_LAYER,
    SCALE_FUSION_PREFIXES,
    scale_fusion_settings,
    ScaleFusionSegmenter,
    upsampled_to_image,
)
from rtformer_ros.network.family import (
    ClassificationNetwork,
    NetworkFamily,
    NormPlace,
)
from torch import nn, Tensor
import torch.nn.functional as F

_LAST_CHANNELS = 1280
_FINEST_STRIDE, _AUXILIARY_STRIDE = 4, 16


class MixFormer(MixFormerEncoder, ScaleFusionSegmenter):
    """Segment images with MixFormer as the encoder and a light decoder over its four scales."""

    def __init__(self, architecture: MixFormerArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        self.architecture: MixFormerArchitecture = architecture
        a = architecture
        self.add_heads(
            a.widths, a.head_channels, a.num_classes, a.bn_momentum, has_auxiliary=a.aux_head
        )
        self.apply(initialise_layer)

    @property
    def family(self) -> NetworkFamily:
        """Return MIXFORMER."""
        return MIXFORMER

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits of both heads at the images' size, without those of the padding."""
        size = spatial_size(images)
        scales = [scale.permute(0, 3, 1, 2) for scale in self.scales(images)]
        logits = upsampled_to_image(self.decoder(scales), size, _FINEST_STRIDE)
        auxiliary = self.auxiliary_logits(self.auxiliary, scales[2])
        if auxiliary is not None:
            auxiliary = upsampled_to_image(auxiliary, size, _AUXILIARY_STRIDE)
        return logits, auxiliary


class MixFormerClassifier(MixFormerEncoder, ClassificationNetwork):
    """Classify images as a whole, as published on ImageNet."""

    def __init__(self, architecture: MixFormerEncoderArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        width = architecture.widths[-1]
        self.norm = nn.LayerNorm(width)
        self.last_proj = nn.Linear(width, _LAST_CHANNELS)
        self.head = nn.Linear(_LAST_CHANNELS, architecture.num_classes)
        self.apply(initialise_layer)

    @property
    def family(self) -> NetworkFamily:
        """Return MIXFORMER_CLASSIFIER."""
        return MIXFORMER_CLASSIFIER

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n, num_classes] for normalised images [n, 3, h, w], any h and w."""
        features = F.gelu(self.last_proj(self.norm(self.scales(images)[-1])))
        logits: Tensor = self.head(features.mean(dim=(1, 2)))
        return logits


def build_mixformer(
    variant: str,
    num_classes: int,
    *,
    drop_path_rate: float | None = None,
    aux_head: bool = True,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    depths: tuple[int, ...] | None = None,
    head_channels: int = DECODER_CHANNELS,
) -> MixFormer:
    """
    Return a MixFormer ('b0' to 'b6') that segments, in training mode with fresh weights.

    What is None is as published for ImageNet; base_channels and depths make narrower, wider,
    shallower or deeper networks. head_channels: width inside the heads, our choice. Raises
    ConfigError for a value that no network can have.
    """
    settings = _encoder_settings(variant, drop_path_rate, base_channels, depths)
    return MixFormer(
        MixFormerArchitecture(
            variant,
            num_classes,
            bn_momentum=bn_momentum,
            **settings,
            head_channels=head_channels,
            aux_head=aux_head,
        )
    )


def build_mixformer_classifier(
    variant: str,
    num_classes: int,
    *,
    drop_path_rate: float | None = None,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    depths: tuple[int, ...] | None = None,
) -> MixFormerClassifier:
    """Return a MixFormer that classifies images as a whole, as build_mixformer does."""
    settings = _encoder_settings(variant, drop_path_rate, base_channels, depths)
    return MixFormerClassifier(
        MixFormerEncoderArchitecture(variant, num_classes, bn_momentum=bn_momentum, **settings)
    )


def _encoder_settings(
    variant: str,
    drop_path_rate: float | None,
    base_channels: int | None,
    depths: tuple[int, ...] | None,
) -> dict[str, Any]:
    check_choice('variant', variant, MIXFORMER_VARIANTS)
    published = MIXFORMER_VARIANTS[variant]
    return {
        'base_channels': published.base_channels if base_channels is None else base_channels,
        'depths': published.depths if depths is None else depths,
        'head_size': published.head_size,
        'drop_path_rate': published.drop_path_rate if drop_path_rate is None else drop_path_rate,
    }


def _settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of MixFormerArchitecture that weights show."""
    own = own_layout(state)
    return {**encoder_settings_of(own), **scale_fusion_settings(own, 'MixFormer')}


def _classifier_settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of MixFormerEncoderArchitecture that a classifier's weights show."""
    own = own_layout(state)
    settings = encoder_settings_of(own)
    if MIXFORMER_CLASSIFIER.has_head(own):
        settings['num_classes'] = own['head.weight'].shape[0]
    return settings


_NAMES = {f'mixformer_{variant}': variant for variant in MIXFORMER_VARIANTS}

MIXFORMER = NetworkFamily(
    name='mixformer',
    title='MixFormer',
    variants=_NAMES,
    build=build_mixformer,
    architecture=MixFormerArchitecture,
    network=MixFormer,
    own_weights=own_layout,
    marks=ENCODER_MARKS,
    settings_of=_settings_of,
    head_prefixes=SCALE_FUSION_PREFIXES,
    first_layer='patch_embed.stem.0',
    last_layer=SCALE_FUSION_LAST_LAYER,
    training_only=('auxiliary',),
    norms_after=(NormPlace(SegmentationHead, norm='bn2', weights='conv1'),),
)

MIXFORMER_CLASSIFIER = NetworkFamily(
    name='mixformer_classifier',
    title='MixFormer',
    task='classification',
    variants=_NAMES,
    build=build_mixformer_classifier,
    architecture=MixFormerEncoderArchitecture,
    network=MixFormerClassifier,
    own_weights=own_layout,
    marks=(*ENCODER_MARKS, 'last_proj.weight', 'head.weight'),
    settings_of=_classifier_settings_of,
    head_prefixes=('norm.', 'last_proj.', 'head.'),
    first_layer='patch_embed.stem.0',
    last_layer='head',
)
