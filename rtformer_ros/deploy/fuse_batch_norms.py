# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fold batch norms into the convolutions beside them, exactly."""

from __future__ import annotations

from collections.abc import Collection
import copy
from dataclasses import dataclass
from typing import cast

from rtformer_ros.network.family import NormPlace, SegmentationNetwork
import torch
from torch import nn, Tensor


@dataclass(frozen=True)
class FoldedNetwork:
    """
    A network without the batch norms that could be folded.

    folded, remaining: their numbers. Those that remain stand in front of a ReLU or of a padded
    convolution, behind something that more than one layer reads.
    """

    network: SegmentationNetwork
    folded: int
    remaining: int


def fold_batch_norms(
    network: SegmentationNetwork, quantised: Collection[str] = ()
) -> FoldedNetwork:
    """
    Return a copy of a network, in eval mode, for inference alone.

    A batch norm is folded into the convolution before it where nothing else reads that
    convolution, and into the convolution behind it (a padded one would see another border).
    The network's family says where such places are. The outputs stay the same but for rounding.
    What only training reads, such as an auxiliary head, is left out. quantised: names of
    convolutions whose weights can be scaled a channel of the output at a time alone, so that no
    norm in front is folded into them.
    """
    family = network.family
    inference = copy.deepcopy(network).eval().requires_grad_(False)
    for name in family.training_only:
        setattr(inference, name, None)
    before = _count_norms(inference)
    for place in family.norms_after:
        for owner in _owners(inference, place):
            norm = _fold_behind(getattr(owner, place.weights), getattr(owner, place.norm))
            setattr(owner, place.norm, norm)
    for place in family.norms_before_softmax:
        for owner in _owners(inference, place):
            _fold_into_kernel(getattr(owner, place.weights), getattr(owner, place.norm))
            setattr(owner, place.norm, nn.Identity())
    fixed = {id(inference.get_submodule(name)) for name in quantised}
    for module in inference.modules():
        if isinstance(module, nn.Sequential):
            _fold_neighbours(module, fixed)
    remaining = _count_norms(inference)
    return FoldedNetwork(inference, before - remaining, remaining)


def _owners(network: nn.Module, place: NormPlace) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, place.owner)]


def _count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _fold_neighbours(layers: nn.Sequential, fixed: Collection[int]) -> None:
    """Fold the pairs of a sequence, within which each layer has a single reader."""
    for index, layer in enumerate(layers):
        if not isinstance(layer, nn.BatchNorm2d):
            continue
        before, (behind, second) = _at(layers, index - 1), (_at(layers, index + k) for k in (1, 2))
        is_pooled = isinstance(behind, _MAX_POOLINGS)
        reader = second if is_pooled else behind
        if isinstance(before, nn.Conv2d):
            layers[index] = _fold_behind(before, layer)
        elif isinstance(reader, nn.Conv2d) and id(reader) not in fixed:
            fold = _fold_through_pooling if is_pooled else _fold_before
            layers[index] = fold(layer, reader)


_MAX_POOLINGS = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)


def _at(layers: nn.Sequential, index: int) -> nn.Module | None:
    return layers[index] if 0 <= index < len(layers) else None


def _fold_behind(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Module:
    """Fold a norm into the convolution before it; return what takes the norm's place."""
    scale, shift = _affine(norm)
    bias = shift if conv.bias is None else conv.bias.double() * scale + shift
    _set_weights(conv, conv.weight.double() * scale[:, None, None, None], bias)
    return nn.Identity()


def _fold_before(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Module:
    """Fold a norm into the unpadded convolution behind it; return what takes its place."""
    if conv.padding != (0, 0) or conv.groups != 1:
        return norm
    scale, shift = _affine(norm)
    weight = conv.weight.double()
    bias = weight.sum(dim=(2, 3)) @ shift
    _set_weights(conv, weight * scale[:, None, None], bias + _bias_of(conv))
    return nn.Identity()


def _fold_through_pooling(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Module:
    """Fold a norm in front of a max pooling; a negative scale would turn max into min."""
    return _fold_before(norm, conv) if bool((_affine(norm)[0] >= 0).all()) else norm


def _fold_into_kernel(kernel: nn.Parameter, norm: nn.BatchNorm2d) -> None:
    """Fold the scale of a norm into the 1x1 kernel [out, in, 1, 1] behind it, not the shift."""
    scale, _ = _affine(norm)
    kernel.data = (kernel.double() * scale[:, None, None]).to(kernel.dtype)


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return (scale, shift), float64 [channels], of a norm in eval mode."""
    mean, variance = (cast('Tensor', b).double() for b in (norm.running_mean, norm.running_var))
    scale = norm.weight.double() / torch.sqrt(variance + norm.eps)
    return scale, norm.bias.double() - mean * scale


def _bias_of(conv: nn.Conv2d) -> Tensor | float:
    return 0.0 if conv.bias is None else conv.bias.double()


def _set_weights(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    dtype = conv.weight.dtype
    conv.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    conv.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
