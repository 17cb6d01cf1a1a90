# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Assemble DDRNet-23-slim and DDRNet-23 (arXiv 2101.06085), to segment and to classify.

The network has no attention: the plain counterpart of RTFormer, which is built on its outline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtformer_ros.network.architecture import check_choice
from rtformer_ros.network.blocks import DAPPM, SegmentationHead, spatial_size, upsample
from rtformer_ros.network.families.ddrnet.architecture import (
    Convention,
    DDRNET_VARIANTS,
    DDRNetArchitecture,
    DDRNetClassifierArchitecture,
    DDRNetVariant,
)
from rtformer_ros.network.families.ddrnet.backbone import (
    DDRNET_NORMS_AFTER,
    DualResolutionBackbone,
    initialise_convolution,
)
from rtformer_ros.network.families.ddrnet.weights import authors_names, is_paddleseg
from rtformer_ros.network.families.dual_classifier import (
    DUAL_CLASSIFIER_PREFIXES,
    DualBranchClassifier,
)
from rtformer_ros.network.family import (
    NetworkFamily,
    NormPlace,
    SegmentationNetwork,
)
from rtformer_ros.network.weight_shapes import base_channels_of, output_channels
from torch import nn, Tensor

_DAPPM_CHANNELS = 128


class DDRNet(DualResolutionBackbone, SegmentationNetwork):
    """Segment images with a high (1/8) and a low branch (1/64), which are added in the end."""

    def __init__(self, architecture: DDRNetArchitecture) -> None:
        """Build the layers and initialise their weights."""
        a, c, momentum = architecture, architecture.base_channels, architecture.bn_momentum
        is_official = a.convention == 'official'
        super().__init__(
            c, momentum, last_stride=2, final_relu=False, pads_behind_even=not is_official
        )
        self.architecture: DDRNetArchitecture = architecture
        self.spp = DAPPM(16 * c, _DAPPM_CHANNELS, 4 * c, momentum, count_padding=is_official)
        self.seghead_extra: nn.Module | None = None
        if a.aux_head:
            self.seghead_extra = SegmentationHead(2 * c, a.head_channels, a.num_classes, momentum)
        self.final_layer = SegmentationHead(4 * c, a.head_channels, a.num_classes, momentum)
        self.apply(initialise_convolution)

    @property
    def family(self) -> NetworkFamily:
        """Return DDRNET."""
        return DDRNET

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """
        Return the logits of both heads at 1/8 of the images' size, rounded up.

        Images have any size; the references take multiples of 8 only.
        """
        fused, high, low = self.branches(images)
        logits = self.final_layer(high + upsample(self.spp(low), spatial_size(high)))
        return logits, self.auxiliary_logits(self.seghead_extra, fused)


class DDRNetClassifier(DualResolutionBackbone, DualBranchClassifier):
    """Classify images with the two branches of DDRNet, as the authors do on ImageNet."""

    def __init__(self, architecture: DDRNetClassifierArchitecture) -> None:
        """Build the layers and initialise their weights."""
        a, c, momentum = architecture, architecture.base_channels, architecture.bn_momentum
        super().__init__(c, momentum, last_stride=1, final_relu=True, pads_behind_even=False)
        self.architecture: DDRNetClassifierArchitecture = architecture
        self.add_classifier(4 * c, 16 * c, a.last_channels, a.num_classes, momentum)
        self.apply(initialise_convolution)

    @property
    def family(self) -> NetworkFamily:
        """Return DDRNET_CLASSIFIER."""
        return DDRNET_CLASSIFIER

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n, num_classes] for normalised images [n, 3, h, w], any h and w."""
        _, high, low = self.branches(images)
        return self.classify(high, low)


def build_ddrnet(
    variant: str,
    num_classes: int,
    *,
    convention: Convention = 'official',
    aux_head: bool = True,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    head_channels: int | None = None,
) -> DDRNet:
    """
    Return a DDRNet ('23-slim' or '23') in training mode with fresh weights.

    What is None is as published. convention: see there; base_channels and head_channels make
    narrower or wider networks. Raises ConfigError for a value that no network can have.
    """
    published = _published(variant)
    return DDRNet(
        DDRNetArchitecture(
            variant,
            num_classes,
            base_channels=published.base_channels if base_channels is None else base_channels,
            head_channels=published.head_channels if head_channels is None else head_channels,
            convention=convention,
            aux_head=aux_head,
            bn_momentum=bn_momentum,
        )
    )


def build_ddrnet_classifier(
    variant: str,
    num_classes: int,
    *,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    last_channels: int | None = None,
) -> DDRNetClassifier:
    """Return a DDRNet that classifies images, as build_ddrnet does; last_channels: see there."""
    published = _published(variant)
    return DDRNetClassifier(
        DDRNetClassifierArchitecture(
            variant,
            num_classes,
            base_channels=published.base_channels if base_channels is None else base_channels,
            last_channels=published.last_channels if last_channels is None else last_channels,
            bn_momentum=bn_momentum,
        )
    )


def _published(variant: str) -> DDRNetVariant:
    check_choice('variant', variant, DDRNET_VARIANTS)
    return DDRNET_VARIANTS[variant]


def _widths_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return variant and base channels; raises CheckpointError for those of no DDRNet."""
    widths = {published.base_channels: name for name, published in DDRNET_VARIANTS.items()}
    titles = {width: f'DDRNet-{name}' for width, name in widths.items()}
    base_channels = base_channels_of(state, _FIRST_LAYER, _TITLE, titles)
    return {'variant': widths[base_channels], 'base_channels': base_channels}


def _settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the arguments of DDRNetArchitecture that weights show.

    The convention shows in the names alone: weights with the authors' are taken as theirs. A
    backbone alone gets the smallest head.
    """
    ours = authors_names(state)
    settings = {
        **_widths_of(ours),
        'num_classes': 1,
        'head_channels': 1,
        'convention': 'paddleseg' if is_paddleseg(state) else 'official',
        'aux_head': 'seghead_extra.conv1.weight' in ours,
    }
    if DDRNET.has_head(ours):
        settings['num_classes'] = output_channels(ours, 'final_layer.conv2.weight', _TITLE)
        settings['head_channels'] = output_channels(ours, 'final_layer.conv1.weight', _TITLE)
    return settings


def _classifier_settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of DDRNetClassifierArchitecture that weights show."""
    settings = {**_widths_of(state), 'num_classes': 1, 'last_channels': 1}
    if DDRNET_CLASSIFIER.has_head(state):
        settings['num_classes'] = state['linear.weight'].shape[0]
        settings['last_channels'] = output_channels(state, 'last_layer.0.weight', _TITLE)
    return settings


_TITLE = 'DDRNet'
_FIRST_LAYER = 'conv1.0'
_MARKS = ('down3.0.weight', 'layer5_.0.conv3.weight', 'layer4_.0.conv1.weight')
_NAMES = {f'ddrnet{variant.replace("-", "_")}': variant for variant in DDRNET_VARIANTS}

DDRNET = NetworkFamily(
    name='ddrnet',
    title=_TITLE,
    variants=_NAMES,
    build=build_ddrnet,
    architecture=DDRNetArchitecture,
    network=DDRNet,
    own_weights=authors_names,
    marks=_MARKS,
    settings_of=_settings_of,
    head_prefixes=('spp.', 'final_layer.', 'seghead_extra.'),
    first_layer=_FIRST_LAYER,
    last_layer='final_layer.conv2',
    training_only=('seghead_extra',),
    norms_after=(
        *DDRNET_NORMS_AFTER,
        NormPlace(SegmentationHead, norm='bn2', weights='conv1'),
    ),
)

DDRNET_CLASSIFIER = NetworkFamily(
    name='ddrnet_classifier',
    title=_TITLE,
    task='classification',
    variants=_NAMES,
    build=build_ddrnet_classifier,
    architecture=DDRNetClassifierArchitecture,
    network=DDRNetClassifier,
    marks=(*_MARKS, 'down5.0.weight', 'last_layer.0.weight', 'linear.weight'),
    settings_of=_classifier_settings_of,
    head_prefixes=DUAL_CLASSIFIER_PREFIXES,
    first_layer=_FIRST_LAYER,
    last_layer='linear',
    norms_after=DDRNET_NORMS_AFTER,
)
