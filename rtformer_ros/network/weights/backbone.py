"""Keep the weights of a backbone alone, which a training can start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.architecture import Architecture, VariantName
from rtformer_ros.network.weights.recognition import (
    HEAD_PREFIXES,
    check_weights,
    expected_weights,
    has_head,
    inferred_settings,
)
from rtformer_ros.network.weights.weights_file import WeightsFile, write_weights


@dataclass(frozen=True)
class Backbone:
    """
    The weights of an RTFormer up to its last block, as trained on ImageNet.

    state: float32 tensors by the network's names; variant: 'slim' or 'base'; injection: whether
    blocks 4 and 5 have it; dropped: names in the file that are not the backbone's, such as those
    of a classifier; notes: further text.
    """

    state: Mapping[str, Tensor]
    variant: VariantName
    injection: tuple[bool, bool]
    dropped: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def backbone_of(file: WeightsFile) -> Backbone:
    """
    Return the backbone in the weights of a file, without what else is in it.

    Raises CheckpointError, naming the key at fault, where it is not whole or of another network.
    """
    settings = inferred_settings(file.state)
    architecture = Architecture(**settings)
    expected = {
        key: value
        for key, value in expected_weights(architecture).items()
        if not key.startswith(HEAD_PREFIXES)
    }
    state = {key: value for key, value in file.state.items() if key in expected}
    check_weights(state, expected, f'the backbone of RTFormer {architecture.variant}')
    dropped = tuple(sorted(file.state.keys() - state.keys()))
    return Backbone(state, architecture.variant, architecture.injection, dropped, file.notes)


def save_backbone(backbone: Backbone, path: Path, *, half: bool = False) -> None:
    """Write a backbone; see write_weights for `half` and for what is raised."""
    header = {
        'backbone': {'variant': backbone.variant, 'injection': backbone.injection},
        'notes': dict(backbone.notes),
    }
    write_weights(path, backbone.state, header, half=half)


def refuse_backbone(state: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError for the weights of a backbone alone, saying what they are for."""
    if 'conv1.0.weight' in state and not has_head(state):
        raise CheckpointError(
            'holds a backbone without a segmentation head: give it to train --init; it cannot '
            'segment by itself'
        )
