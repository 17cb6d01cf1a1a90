# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Layered network: one whose convolutions compute with the upper 8, 6, 4 or 2 bits of their codes.

All precisions share weights and steps. Each has running statistics of its own, because batch
norms see other features at each; they are a few kB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from rtformer_ros.network.family import Network
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.quantisation.bit_planes import LARGEST_CODE
from rtformer_ros.network.quantisation.fake_quantiser import (
    fake_quantised_input,
    fake_quantised_weight,
)
import torch
from torch import nn, Tensor

STATISTICS = ('running_mean', 'running_var')
LOG_STEPS = ('log_weight_step', 'log_input_step')
_LEAST = 1e-8


class LayeredConvolution(nn.Conv2d):
    """
    Convolve with weights of `bits` bits and inputs of 8, both fake-quantised.

    log_weight_step [out] and log_input_step []: natural logarithms of the steps of 8 bits.
    """

    bits: int
    log_weight_step: nn.Parameter
    log_input_step: nn.Parameter

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        features = fake_quantised_input(input, self.log_input_step)
        used = fake_quantised_weight(weight, self.log_weight_step, self.bits)
        convolved: Tensor = super()._conv_forward(features, used, bias)
        return convolved


def layer_network(
    network: Network, largest_inputs: Mapping[str, float], widths: Sequence[int]
) -> None:
    """
    Turn convolutions of a network into layered ones, and give each precision its statistics.

    largest_inputs: the absolute value that the step of a convolution's input begins with, by the
    convolution's name. widths: precisions in bits. Weights begin with the step of their channel's
    largest. The network is then at its highest precision.
    """
    network.bit_widths = tuple(sorted(widths, reverse=True))
    for name, largest in largest_inputs.items():
        conv = cast('LayeredConvolution', network.get_submodule(name))
        conv.__class__ = _layered(type(conv))
        weights = conv.weight.detach().abs().amax(dim=(1, 2, 3))
        conv.log_weight_step = nn.Parameter(_log_step(weights))
        conv.log_input_step = nn.Parameter(_log_step(weights.new_tensor(largest)))
    for norm in _norms(network):
        for name in STATISTICS:
            values = norm.get_buffer(name)
            for bits in network.bit_widths:
                norm.register_buffer(f'{name}_b{bits}', values.clone())
            # What is used stands for one of these, and is no state beside them.
            norm.register_buffer(name, values, persistent=False)
    use_bits(network, network.bit_widths[0])


def use_bits(network: Network, bits: int) -> None:
    """Let a layered network compute, and keep its statistics, at one of its precisions."""
    for conv in layered_convolutions(network).values():
        conv.bits = bits
    for norm in _norms(network):
        for name in STATISTICS:
            setattr(norm, name, norm.get_buffer(f'{name}_b{bits}'))


def each_precision(network: Network) -> Iterator[int | None]:
    """
    Yield the bits of each precision while a network is at it, the highest first.

    A network that is not layered yields None once.
    """
    if not network.bit_widths:
        yield None
        return
    for bits in network.bit_widths:
        use_bits(network, bits)
        yield bits
    use_bits(network, network.bit_widths[0])


def layered_convolutions(network: nn.Module) -> dict[str, LayeredConvolution]:
    """Return the layered convolutions of a network by name."""
    modules = network.named_modules()
    return {name: each for name, each in modules if isinstance(each, LayeredConvolution)}


@torch.inference_mode()
def largest_inputs(
    network: Network, names: Iterable[str], images_nhwc: Iterable[Tensor]
) -> dict[str, float]:
    """
    Return the largest absolute value that each of some convolutions reads.

    network: in eval mode. images_nhwc: batches, uint8 [n, h, w, 3], RGB.
    """
    largest = dict.fromkeys(names, 0.0)

    def note(name: str, _conv: nn.Module, inputs: tuple[Any, ...]) -> None:
        largest[name] = max(largest[name], float(inputs[0].abs().max()))

    hooks = [
        network.get_submodule(name).register_forward_pre_hook(partial(note, name))
        for name in largest
    ]
    segmenter = ImageSegmenter(network)
    for batch in images_nhwc:
        segmenter.logits(batch)
    for hook in hooks:
        hook.remove()
    return largest


def _layered(kind: type[nn.Conv2d]) -> type[LayeredConvolution]:
    if kind is nn.Conv2d:
        return LayeredConvolution
    return type(f'Layered{kind.__name__}', (LayeredConvolution, kind), {})


def _log_step(largest: Tensor) -> Tensor:
    return (largest.clamp(min=_LEAST) / LARGEST_CODE).log()


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
