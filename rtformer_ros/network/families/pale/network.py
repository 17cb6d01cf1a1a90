# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Assemble the Pale Transformer T, S and B (arXiv 2112.14000), to classify and to segment.

The authors published no code: see PaleBlock and PaleVariant for what is an unofficial
implementation's, whose names the layers have, the decoder's apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rtformer_ros.network.architecture import check_choice
from rtformer_ros.network.blocks import SegmentationHead
from rtformer_ros.network.families.pale.architecture import (
    PALE_DEPTHS,
    PALE_SIZE,
    PALE_STAGES,
    PALE_VARIANTS,
    PaleArchitecture,
    PaleEncoderArchitecture,
)
from rtformer_ros.network.families.pale.block import PaleBlock
from rtformer_ros.network.families.scale_fusion import (
    DECODER_CHANNELS,
    drop_path_rates,
    initialise_layer,
    SCALE_FUSION_LAST_LAYER,
    SCALE_FUSION_PREFIXES,
    scale_fusion_settings,
    ScaleFusionSegmenter,
)
from rtformer_ros.network.family import (
    ClassificationNetwork,
    Network,
    NetworkFamily,
    NormPlace,
)
from rtformer_ros.network.weight_shapes import base_channels_of
from torch import nn, Tensor


class PaleEncoder(Network):
    """Read an image at 1/4, 1/8, 1/16 and 1/32, sizes rounded up."""

    def __init__(self, architecture: PaleEncoderArchitecture) -> None:
        """Build the layers."""
        super().__init__()
        self.architecture: PaleEncoderArchitecture = architecture
        a, rates = architecture, drop_path_rates(architecture.depths, architecture.drop_path_rate)
        self.patch_merg_convs = nn.ModuleList(
            nn.Conv2d(a.widths[stage - 1], a.widths[stage], 3, 2, 1)
            if stage
            else nn.Conv2d(3, a.widths[0], 7, 4, 3)
            for stage in range(PALE_STAGES)
        )
        self.ps_blocks = nn.ModuleList(
            nn.Sequential(
                *(
                    PaleBlock(
                        a.widths[stage], a.heads << stage, a.pale_size, rates.pop(0), a.bn_momentum
                    )
                    for _ in range(depth)
                )
            )
            for stage, depth in enumerate(a.depths)
        )

    def scales(self, images: Tensor) -> list[Tensor]:
        """Return four maps, NCHW at 1/4 to 1/32, for normalised float images [n, 3, h, w]."""
        x, scales = images, []
        for merge, blocks in zip(self.patch_merg_convs, self.ps_blocks, strict=True):
            x = blocks(merge(x))
            scales.append(x)
        return scales


class Pale(PaleEncoder, ScaleFusionSegmenter):
    """Segment images with the encoder and a light decoder over its four scales."""

    def __init__(self, architecture: PaleArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        self.architecture: PaleArchitecture = architecture
        a = architecture
        self.add_heads(
            a.widths, a.head_channels, a.num_classes, a.bn_momentum, has_auxiliary=a.aux_head
        )
        self.apply(initialise_layer)

    @property
    def family(self) -> NetworkFamily:
        """Return PALE."""
        return PALE

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits at 1/4 of the images' size, and auxiliary ones at 1/16, rounded up."""
        scales = self.scales(images)
        return self.decoder(scales), self.auxiliary_logits(self.auxiliary, scales[2])


class PaleClassifier(PaleEncoder, ClassificationNetwork):
    """Classify images as a whole: the average over the last scale, and a linear layer."""

    def __init__(self, architecture: PaleEncoderArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        self.proj = nn.Linear(architecture.widths[-1], architecture.num_classes)
        self.apply(initialise_layer)

    @property
    def family(self) -> NetworkFamily:
        """Return PALE_CLASSIFIER."""
        return PALE_CLASSIFIER

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n, num_classes] for normalised images [n, 3, h, w], any h and w."""
        return cast('Tensor', self.proj(self.scales(images)[-1].mean(dim=(2, 3))))


def build_pale(
    variant: str,
    num_classes: int,
    *,
    drop_path_rate: float = 0.0,
    aux_head: bool = True,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    heads: int | None = None,
    depths: tuple[int, ...] = PALE_DEPTHS,
    pale_size: int = PALE_SIZE,
    head_channels: int = DECODER_CHANNELS,
) -> Pale:
    """
    Return a Pale Transformer ('t', 's' or 'b') that segments, in training mode, fresh weights.

    What is None is as published or as PaleVariant says. head_channels: width inside the heads,
    our choice. Raises ConfigError for a value that no network can have.
    """
    published = _encoder_settings(variant, base_channels, heads)
    return Pale(
        PaleArchitecture(
            variant,
            num_classes,
            **published,
            depths=depths,
            pale_size=pale_size,
            drop_path_rate=drop_path_rate,
            bn_momentum=bn_momentum,
            head_channels=head_channels,
            aux_head=aux_head,
        )
    )


def build_pale_classifier(
    variant: str,
    num_classes: int,
    *,
    drop_path_rate: float = 0.0,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    heads: int | None = None,
    depths: tuple[int, ...] = PALE_DEPTHS,
    pale_size: int = PALE_SIZE,
) -> PaleClassifier:
    """Return a Pale Transformer that classifies images as a whole, as build_pale does."""
    published = _encoder_settings(variant, base_channels, heads)
    return PaleClassifier(
        PaleEncoderArchitecture(
            variant,
            num_classes,
            **published,
            depths=depths,
            pale_size=pale_size,
            drop_path_rate=drop_path_rate,
            bn_momentum=bn_momentum,
        )
    )


def _encoder_settings(
    variant: str, base_channels: int | None, heads: int | None
) -> dict[str, Any]:
    check_choice('variant', variant, PALE_VARIANTS)
    published = PALE_VARIANTS[variant]
    return {
        'base_channels': published.base_channels if base_channels is None else base_channels,
        'heads': published.heads if heads is None else heads,
    }


def _encoder_settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the arguments of PaleEncoderArchitecture that weights show.

    Heads and the size of a pale leave no trace: they are those of the published network of this
    width.
    """
    widths = {published.base_channels: name for name, published in PALE_VARIANTS.items()}
    base_channels = base_channels_of(state, _FIRST_LAYER, _TITLE, widths)
    return {
        'variant': widths[base_channels],
        'num_classes': 1,
        'base_channels': base_channels,
        'heads': PALE_VARIANTS[widths[base_channels]].heads,
    }


def _settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of PaleArchitecture that weights show."""
    return {**_encoder_settings_of(state), **scale_fusion_settings(state, _TITLE)}


def _classifier_settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of PaleEncoderArchitecture that a classifier's weights show."""
    settings = _encoder_settings_of(state)
    if PALE_CLASSIFIER.has_head(state):
        settings['num_classes'] = state['proj.weight'].shape[0]
    return settings


_TITLE = 'Pale Transformer'
_FIRST_LAYER = 'patch_merg_convs.0'
_NAMES = {f'pale_{variant}': variant for variant in PALE_VARIANTS}
_MARKS = ('ps_blocks.0.0.attn.qkv.0.dw.weight', 'patch_merg_convs.0.weight')

PALE = NetworkFamily(
    name='pale',
    title=_TITLE,
    variants=_NAMES,
    build=build_pale,
    architecture=PaleArchitecture,
    network=Pale,
    marks=_MARKS,
    settings_of=_settings_of,
    head_prefixes=SCALE_FUSION_PREFIXES,
    first_layer=_FIRST_LAYER,
    last_layer=SCALE_FUSION_LAST_LAYER,
    training_only=('auxiliary',),
    norms_after=(NormPlace(SegmentationHead, norm='bn2', weights='conv1'),),
)

PALE_CLASSIFIER = NetworkFamily(
    name='pale_classifier',
    title=_TITLE,
    task='classification',
    variants=_NAMES,
    build=build_pale_classifier,
    architecture=PaleEncoderArchitecture,
    network=PaleClassifier,
    marks=(*_MARKS, 'proj.weight'),
    settings_of=_classifier_settings_of,
    head_prefixes=('proj.',),
    first_layer=_FIRST_LAYER,
    last_layer='proj',
)
