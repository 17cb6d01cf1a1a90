# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A network family of its own, with layer names that no other has: what a new one has to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.family import NetworkFamily, NormPlace, SegmentationNetwork
import torch
from torch import nn, Tensor
import torch.nn.functional as F


@dataclass(frozen=True)
class TwoLayerArchitecture(Architecture):
    width: int
    aux_head: bool = True
    bn_momentum: float = 0.1


class Squeeze(nn.Module):
    """A convolution and its norm, which is read after a ReLU, and 1x1 weights over space."""

    def __init__(self, width: int, momentum: float) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.mix_norm: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.gate_norm: nn.Module = nn.BatchNorm2d(width, momentum=momentum)
        self.gate = nn.Parameter(torch.randn(width, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.mix_norm(self.mix(x)))
        gate = F.conv2d(self.gate_norm(x), self.gate)
        height, width = int(x.shape[2]), int(x.shape[3])
        flat = gate.reshape(-1, int(x.shape[1]), height * width).softmax(dim=2)
        return x + 10 * x * flat.reshape(-1, int(x.shape[1]), height, width)


class TwoLayerNetwork(SegmentationNetwork):
    def __init__(self, architecture: TwoLayerArchitecture) -> None:
        super().__init__()
        self.architecture: TwoLayerArchitecture = architecture
        width, momentum = architecture.width, architecture.bn_momentum
        self.entry = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width, momentum=momentum), nn.ReLU()
        )
        self.squeeze = Squeeze(width, momentum)
        self.surroundings = nn.Sequential(
            nn.BatchNorm2d(width, momentum=momentum),
            nn.AdaptiveMaxPool2d(5),
            nn.Conv2d(width, width, 1, bias=False),
        )
        self.verdict = nn.Conv2d(2 * width, architecture.num_classes, 1)
        self.rehearsal = None
        if architecture.aux_head:
            self.rehearsal = nn.Conv2d(width, architecture.num_classes, 1)

    @property
    def family(self) -> NetworkFamily:
        return TWO_LAYERS

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.squeeze(self.entry(images))
        near = int(features.shape[2]), int(features.shape[3])
        around = F.interpolate(self.surroundings(features), near, mode='bilinear')
        logits = self.verdict(torch.cat([features, around], dim=1))
        return logits, self.auxiliary_logits(self.rehearsal, features)


def build_two_layers(
    variant: str,
    num_classes: int,
    *,
    aux_head: bool = True,
    bn_momentum: float = 0.1,
    width: int | None = None,
) -> TwoLayerNetwork:
    published = {'narrow': 4, 'wide': 8}[variant]
    architecture = TwoLayerArchitecture(
        variant, num_classes, width or published, aux_head, bn_momentum
    )
    return TwoLayerNetwork(architecture)


def settings_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    width = state['entry.0.weight'].shape[0]
    has_head = 'verdict.weight' in state
    return {
        'variant': 'narrow' if width == 4 else 'wide',
        'num_classes': state['verdict.weight'].shape[0] if has_head else 1,
        'width': width,
        'aux_head': 'rehearsal.weight' in state,
    }


TWO_LAYERS = NetworkFamily(
    name='two_layers',
    title='Two Layers',
    variants={'two_layers_narrow': 'narrow', 'two_layers_wide': 'wide'},
    build=build_two_layers,
    architecture=TwoLayerArchitecture,
    network=TwoLayerNetwork,
    marks=('squeeze.gate', 'squeeze.mix.weight'),
    settings_of=settings_of,
    head_prefixes=('surroundings.', 'verdict.', 'rehearsal.'),
    first_layer='entry.0',
    last_layer='verdict',
    training_only=('rehearsal',),
    norms_after=(NormPlace(Squeeze, norm='mix_norm', weights='mix'),),
    norms_before_softmax=(NormPlace(Squeeze, norm='gate_norm', weights='gate'),),
)
