"""Fold batch norms into the convolutions beside them, exactly."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from rtformer_ros.network.attention import CrossTokens, GpuFriendlyAttention
from rtformer_ros.network.blocks import BasicBlock, SegmentationHead
from rtformer_ros.network.rtformer import RTFormer


@dataclass(frozen=True)
class FoldedNetwork:
    """
    A network without the batch norms that could be folded.

    folded, remaining: their numbers. Those that remain stand in front of a ReLU or of a padded
    convolution, behind something that more than one layer reads.
    """

    network: RTFormer
    folded: int
    remaining: int


def fold_batch_norms(network: RTFormer) -> FoldedNetwork:
    """
    Return a copy of a network, in eval mode, for inference alone.

    A batch norm is folded into the convolution before it where nothing else reads that
    convolution, and into the 1x1 convolution behind it (a padded one would see another border).
    The outputs stay the same but for rounding. The auxiliary head is left out.
    """
    inference = copy.deepcopy(network).eval().requires_grad_(False)
    inference.seghead_extra = None
    before = _count_norms(inference)
    for module in inference.modules():
        if isinstance(module, BasicBlock):
            module.bn1 = _fold_behind(module.conv1, module.bn1)
            module.bn2 = _fold_behind(module.conv2, module.bn2)
        elif isinstance(module, SegmentationHead):
            module.bn2 = _fold_behind(module.conv1, module.bn2)
        elif isinstance(module, GpuFriendlyAttention):
            _fold_into_keys(module)
        elif isinstance(module, CrossTokens):
            _fold_through_pooling(module)
        elif isinstance(module, nn.Sequential):
            _fold_neighbours(module)
    remaining = _count_norms(inference)
    return FoldedNetwork(inference, before - remaining, remaining)


def _count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _fold_neighbours(layers: nn.Sequential) -> None:
    """Fold the pairs of a sequence, within which each layer has a single reader."""
    for index, (first, second) in enumerate(pairwise(list(layers))):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[index + 1] = _fold_behind(first, second)
        elif isinstance(first, nn.BatchNorm2d) and isinstance(second, nn.Conv2d):
            layers[index] = _fold_before(first, second)


def _fold_behind(conv: nn.Conv2d, norm: nn.Module) -> nn.Module:
    """Fold a norm into the convolution before it; return what takes the norm's place."""
    scale, shift = _affine(cast('nn.BatchNorm2d', norm))
    bias = shift if conv.bias is None else conv.bias.double() * scale + shift
    _set_weights(conv, conv.weight.double() * scale[:, None, None, None], bias)
    return nn.Identity()


def _fold_before(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Module:
    """Fold a norm into the 1x1 convolution behind it; return what takes the norm's place."""
    if conv.kernel_size != (1, 1) or conv.padding != (0, 0):
        return norm
    scale, shift = _affine(norm)
    weight = conv.weight.double()
    bias = weight[:, :, 0, 0] @ shift
    _set_weights(conv, weight * scale[:, None, None], bias + _bias_of(conv))
    return nn.Identity()


def _fold_into_keys(attention: GpuFriendlyAttention) -> None:
    """Fold the norm before an attention; its shift is lost in the softmax over space."""
    scale, _ = _affine(cast('nn.BatchNorm2d', attention.norm))
    attention.k.data = (attention.k.double() * scale[:, None, None]).to(attention.k.dtype)
    attention.norm = nn.Identity()


def _fold_through_pooling(tokens: CrossTokens) -> None:
    """Fold norm, max pooling, 1x1 convolution; a negative scale would turn max into min."""
    norm, _, conv = tokens
    norm, conv = cast('nn.BatchNorm2d', norm), cast('nn.Conv2d', conv)
    if bool((_affine(norm)[0] >= 0).all()):
        tokens[0] = _fold_before(norm, conv)


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
