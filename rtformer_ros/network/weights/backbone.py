# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Keep the weights of a backbone alone, which a training can start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rtformer_ros.network.family import NetworkFamily
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.recognition import check_weights, expected_weights, family_of
from rtformer_ros.network.weights.weights_file import WeightsFile, write_weights
from torch import Tensor


@dataclass(frozen=True)
class Backbone:
    """
    The weights of a network without its heads, as trained on ImageNet.

    state: float32 tensors by the network's names; variant: the published size, as 'slim' of
    RTFormer; dropped: names in the file that are not the backbone's, such as those of a
    classifier; notes: further text.
    """

    state: Mapping[str, Tensor]
    family: NetworkFamily
    variant: str
    dropped: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def backbone_of(file: WeightsFile, families: Families = FAMILIES) -> Backbone:
    """
    Return the backbone in the weights of a file, without what else is in it.

    Raises CheckpointError, naming the key at fault, where it is not whole or of another network.
    """
    family = family_of(file, families)
    architecture = family.architecture(**family.settings_of(file.state))
    expected = {
        key: value
        for key, value in expected_weights(family, architecture).items()
        if not key.startswith(family.head_prefixes)
    }
    own = family.own_weights(file.state)
    state = {key: value for key, value in own.items() if key in expected}
    check_weights(state, expected, f'the backbone of {family.title} {architecture.variant}')
    dropped = tuple(sorted(own.keys() - state.keys()))
    return Backbone(state, family, architecture.variant, dropped, file.notes)


def save_backbone(backbone: Backbone, path: Path, *, half: bool = False) -> None:
    """Write a backbone; see write_weights for `half` and for what is raised."""
    header = {
        'family': backbone.family.name,
        'backbone': {'variant': backbone.variant},
        'notes': dict(backbone.notes),
    }
    write_weights(path, backbone.state, header, half=half)
