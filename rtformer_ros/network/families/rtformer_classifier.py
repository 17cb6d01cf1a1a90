# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Classify images as a whole with RTFormer's backbone, to train it before it segments.

The authors published weights of such a network, but no code. The layers behind the backbone are
our choice: those of DDRNet, on whose outline RTFormer is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtformer_ros.network.architecture import check_count
from rtformer_ros.network.blocks import BasicBlock
from rtformer_ros.network.families.attention.gpu_friendly import GpuFriendlyAttention
from rtformer_ros.network.families.block_forms import FeedForward, HighAttention, LowAttention
from rtformer_ros.network.families.dual_classifier import (
    DUAL_CLASSIFIER_PREFIXES,
    DualBranchClassifier,
)
from rtformer_ros.network.families.rtformer import RTFORMER, RTFormerBackbone
from rtformer_ros.network.families.rtformer_architecture import (
    given_options,
    published_settings,
    RTFormerArchitecture,
    VariantName,
)
from rtformer_ros.network.family import NetworkFamily, NormPlace
from rtformer_ros.network.weight_shapes import output_channels
from torch import Tensor

_LAST_CHANNELS = {'slim': 1024, 'base': 2048}


@dataclass(frozen=True)
class RTFormerClassifierArchitecture(RTFormerArchitecture):
    """
    The settings of RTFormer's backbone, and the width of the features that are averaged.

    head_channels, aux_head and boundary are of what segments: they have no effect here.
    """

    last_channels: int = 1024

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        super().__post_init__()
        check_count('last_channels', self.last_channels)


class RTFormerClassifier(RTFormerBackbone, DualBranchClassifier):
    """Classify images as a whole; the backbone's weights have the names of the segmenter's."""

    def __init__(self, architecture: RTFormerClassifierArchitecture) -> None:
        """Build the layers and initialise their weights."""
        super().__init__(architecture)
        self.architecture: RTFormerClassifierArchitecture = architecture
        a, c = architecture, architecture.base_channels
        self.add_classifier(2 * c, 8 * c, a.last_channels, a.num_classes, a.bn_momentum)
        self.initialise()

    @property
    def family(self) -> NetworkFamily:
        """Return RTFORMER_CLASSIFIER."""
        return RTFORMER_CLASSIFIER

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n, num_classes] for normalised images [n, 3, h, w], any h and w."""
        _, high, low = self.branches(images)
        return self.classify(high, low)


def build_rtformer_classifier(
    variant: VariantName,
    num_classes: int,
    *,
    cross_size: int | None = None,
    injection: tuple[bool, bool] | None = None,
    drop_path_rate: float | None = None,
    bn_momentum: float = 0.1,
    base_channels: int | None = None,
    last_channels: int | None = None,
    attention: LowAttention | None = None,
    high: HighAttention | None = None,
    feed_forward: FeedForward | None = None,
    groups: tuple[int, int] | None = None,
    memory_ratio: float | None = None,
    projected_tokens: int | None = None,
) -> RTFormerClassifier:
    """
    Return an RTFormer that classifies images as a whole, in training mode with fresh weights.

    What is None is as build_rtformer has it; last_channels is DDRNet's (1024 slim, 2048 base).
    Raises ConfigError for a value that no network can have.
    """
    options = {
        'base_channels': base_channels,
        'cross_size': cross_size,
        'injection': injection,
        'drop_path_rate': drop_path_rate,
        'bn_momentum': bn_momentum,
        'last_channels': last_channels,
        'attention': attention,
        'high': high,
        'feed_forward': feed_forward,
        'groups': groups,
        'memory_ratio': memory_ratio,
        'projected_tokens': projected_tokens,
    }
    published = {**published_settings(variant), 'last_channels': _LAST_CHANNELS[variant]}
    return RTFormerClassifier(
        RTFormerClassifierArchitecture(
            variant, num_classes, aux_head=False, **{**published, **given_options(options)}
        )
    )


def _settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of RTFormerClassifierArchitecture that weights show."""
    settings = {**RTFORMER.settings_of(state), 'last_channels': 1}
    if RTFORMER_CLASSIFIER.has_head(state):
        settings['num_classes'] = state['linear.weight'].shape[0]
        settings['last_channels'] = output_channels(state, 'last_layer.0.weight', 'RTFormer')
    return settings


RTFORMER_CLASSIFIER = NetworkFamily(
    name='rtformer_classifier',
    title='RTFormer',
    task='classification',
    variants=RTFORMER.variants,
    build=build_rtformer_classifier,
    architecture=RTFormerClassifierArchitecture,
    network=RTFormerClassifier,
    marks=(*RTFORMER.marks, 'down5.0.weight', 'last_layer.0.weight', 'linear.weight'),
    settings_of=_settings_of,
    head_prefixes=DUAL_CLASSIFIER_PREFIXES,
    first_layer=RTFORMER.first_layer,
    last_layer='linear',
    norms_after=(
        NormPlace(BasicBlock, norm='bn1', weights='conv1'),
        NormPlace(BasicBlock, norm='bn2', weights='conv2'),
    ),
    norms_before_softmax=(NormPlace(GpuFriendlyAttention, norm='norm', weights='k'),),
)
