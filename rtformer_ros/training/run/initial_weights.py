# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Start from weights that were trained on something else."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.family import Network
from rtformer_ros.network.weights.weights_file import read_weights, UNUSED_SUFFIX
from torch import Tensor

_LEAST_SHARE = 0.5


class InitialWeights(NamedTuple):
    """
    Initial weights of a network.

    copied: how many tensors came from the file. fresh: names of the network's own that did not.
    left_out: names of those in the file that this network has no place for.
    """

    copied: int
    fresh: list[str]
    left_out: list[str]


def initialize(network: Network, path: Path) -> InitialWeights:
    """
    Copy from a file the weights that fit a network by name and shape.

    path: see read_weights; of a whole network, a classifier or a backbone; heads for another
    number of classes stay fresh. Raises CheckpointError for a file that is broken or fits by less
    than half.
    """
    saved = network.family.own_weights(read_weights(path).state)
    own = {k: v for k, v in network.state_dict().items() if not k.endswith(UNUSED_SUFFIX)}
    fitting = {key: saved[key] for key, value in own.items() if _shape(saved, key) == value.shape}
    if len(fitting) < _LEAST_SHARE * len(own):
        raise CheckpointError(
            f'{path} has only {len(fitting)} of the {len(own)} weights of {network.family.title} '
            f'{network.architecture.variant}; is it of another variant or another network?'
        )
    network.load_state_dict(fitting, strict=False)
    left_out = sorted(k for k in saved.keys() - own.keys() if not k.endswith(UNUSED_SUFFIX))
    return InitialWeights(len(fitting), sorted(own.keys() - fitting.keys()), left_out)


def _shape(saved: dict[str, Tensor], key: str) -> object:
    return saved[key].shape if key in saved else None
