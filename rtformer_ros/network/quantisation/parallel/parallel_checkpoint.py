# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Parallel checkpoint: weights of a network with parallel groups, held as its quantisers hold them.

Its file has, beside a header as that of Checkpoint, `codes/CONV` (packed bits, see bit_planes) and
all other weights as `weights/NAME`, scales and spans of the quantisers among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from rtformer_ros.network.family import Network
from rtformer_ros.network.quantisation.bit_planes import Codes
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from rtformer_ros.network.quantisation.parallel.parallel_convolution import ParallelConvolution
from rtformer_ros.network.quantisation.parallel.parallel_network import (
    drop_quantisers,
    parallel_convolutions,
    parallelise,
)
from rtformer_ros.network.weights.checkpoint import Checkpoint
import torch
from torch import Tensor


@dataclass(frozen=True)
class ParallelCheckpoint(Checkpoint):
    """
    Weights of a network with parallel groups, with what is known about them.

    simulates: whether `build` returns the network that quantises as it computes, or one of plain
    convolutions with the same weights, which reads features as they are.
    """

    precision: GroupPrecision = field(default_factory=GroupPrecision)
    simulates: bool = True

    @classmethod
    def quantised(cls, network: Network, described: Checkpoint) -> ParallelCheckpoint:
        """Return the weights of a network, which `described` holds, as codes stand for them."""
        assert network.group_precision is not None
        state = dict(described.state)
        for name, conv in parallel_convolutions(network).items():
            state.update(state_of_codes(name, _codes_of(conv), network.group_precision.bits))
        return cls(**{**vars(described), 'state': state}, precision=network.group_precision)

    def codes(self) -> dict[str, Codes]:
        """Return the codes of the weights, odd int8 [out, in, h, w], by convolution."""
        convolutions = parallel_convolutions(replace(self, simulates=True).build())
        return {name: _codes_of(conv) for name, conv in convolutions.items()}

    def _build(self) -> Network:
        network = self.family.network(self.architecture)
        parallelise(network, self.precision)
        network.load_state_dict(dict(self.state))
        if not self.simulates:
            drop_quantisers(network)
        return network.eval()


def state_of_codes(name: str, codes: Codes, bits: int) -> dict[str, Tensor]:
    """
    Return what codes say of a convolution, by name in the network.

    codes: odd int8 [out, in, h, w]. The weights are -1 to 1, and quantised to these codes.
    """
    weight = torch.from_numpy(codes).float() / ((1 << bits) - 1)
    borders = {'lower_weight': -1.0, 'upper_weight': 1.0, 'input_offset': 0.0}
    values = {key: torch.tensor(value) for key, value in borders.items()}
    return {f'{name}.{key}': value for key, value in {'weight': weight, **values}.items()}


def _codes_of(conv: ParallelConvolution) -> Codes:
    return conv.codes().detach().cpu().numpy().astype(np.int8)
