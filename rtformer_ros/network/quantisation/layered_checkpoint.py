# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Layered checkpoint: one set of quantised weights from which a network of each precision is built.

Its file holds, beside a header as that of Checkpoint, `planes/CONV/bB` (packed bits, see
bit_planes), `steps/CONV/weight` and `steps/CONV/input`, the running statistics of each precision
as `norms/bB/NORM.running_mean` and `.running_var`, and all other weights as `weights/NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.family import Network, SegmentationNetwork
from rtformer_ros.network.quantisation.bit_planes import Codes, odd_codes, unit_of
from rtformer_ros.network.quantisation.fake_quantiser import weight_codes
from rtformer_ros.network.quantisation.layered_network import (
    layer_network,
    layered_convolutions,
    LOG_STEPS,
    STATISTICS,
)
from rtformer_ros.network.weights.checkpoint import Checkpoint
import torch
from torch import Tensor

PRECISION_NOTE = 'weight_bits'
"""The note of a checkpoint that was taken out of layered weights."""


@dataclass(frozen=True)
class LayeredWeights:
    """
    The quantised weights of one convolution.

    codes: int8 [out, in, h, w], -127 to 127; steps: what 1 of them is worth, float32 [out].
    input_step: the same of the INT8 codes of what the convolution reads.
    """

    codes: Codes
    steps: Tensor
    input_step: float

    def at(self, bits: int) -> Tensor:
        """Return the weights, float32, that codes of `bits` bits stand for."""
        units = torch.from_numpy(odd_codes(self.codes, bits)).float()
        return units * (self.steps * unit_of(bits))[:, None, None, None]


@dataclass(frozen=True)
class LayeredCheckpoint:
    """
    Quantised weights with what is known about them.

    whole: the weights at the highest precision, as float32. layers: by convolution.
    statistics: of the batch norms, by precision in bits and by name in the network.
    """

    whole: Checkpoint
    layers: Mapping[str, LayeredWeights]
    statistics: Mapping[int, Mapping[str, Tensor]]

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the precisions in bits, the highest first."""
        return tuple(sorted(self.statistics, reverse=True))

    @classmethod
    def of(cls, network: Network, described: Checkpoint) -> LayeredCheckpoint:
        """Return the weights of a layered network, which `described` holds whole, quantised."""
        layers = {
            name: LayeredWeights(
                weight_codes(conv.weight.detach(), conv.log_weight_step.detach()).cpu().numpy(),
                conv.log_weight_step.detach().exp().cpu(),
                float(conv.log_input_step.detach().exp()),
            )
            for name, conv in layered_convolutions(network).items()
        }
        statistics = {
            bits: _statistics(described.state, f'_b{bits}') for bits in network.bit_widths
        }
        kept = {
            key: value
            for key, value in described.state.items()
            if not key.endswith((*LOG_STEPS, *_banks(network.bit_widths)))
        }
        made = cls(replace(described, state=kept), layers, statistics)
        return replace(made, whole=replace(described, state=made._state(made.widths[0])))

    def at(self, bits: int) -> Checkpoint:
        """
        Return the weights of one precision as those of an ordinary network, float32.

        Its inputs are not quantised then. Raises ConfigError for bits that were not trained.
        """
        if bits not in self.widths:
            raise ConfigError(
                f'these weights have no {bits} bits; they were trained for '
                f'{", ".join(map(str, self.widths))} (--set quantisation.bits=[...] of train)'
            )
        notes = {**self.whole.notes, PRECISION_NOTE: str(bits)}
        return replace(self.whole, state=self._state(bits), notes=notes)

    def build(self) -> SegmentationNetwork:
        """
        Return the layered network, in eval mode, on the CPU, at its highest precision.

        Weights and inputs are fake-quantised; use_bits brings it to another precision.
        """
        network = self.whole.build()
        inputs = dict.fromkeys(self.layers, 1.0)
        layer_network(network, inputs, self.widths)
        state = {
            f'{key}_b{bits}': value
            for bits, values in self.statistics.items()
            for key, value in values.items()
        }
        for name, layer in self.layers.items():
            state[f'{name}.log_weight_step'] = layer.steps.log()
            state[f'{name}.log_input_step'] = torch.tensor(layer.input_step).log()
        network.load_state_dict(state, strict=False)
        return network

    def _state(self, bits: int) -> dict[str, Tensor]:
        weights = {f'{name}.weight': layer.at(bits) for name, layer in self.layers.items()}
        return {**self.whole.state, **self.statistics[bits], **weights}


def _banks(widths: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f'{name}_b{bits}' for name in STATISTICS for bits in widths)


def _statistics(state: Mapping[str, Tensor], suffix: str) -> dict[str, Tensor]:
    ends = tuple(f'{name}{suffix}' for name in STATISTICS)
    return {key.removesuffix(suffix): value for key, value in state.items() if key.endswith(ends)}
