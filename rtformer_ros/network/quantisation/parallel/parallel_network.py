# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Parallel network: one whose stages are groups that each compute the whole stage in a few bits.

A stage hands its input to every group, and returns the mean of what they return. Within it,
convolutions are grouped and quantised, and all channels are there once for each group.
"""

from __future__ import annotations

from typing import cast

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.blocks import BasicBlock
from rtformer_ros.network.family import Network
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from rtformer_ros.network.quantisation.parallel.cyclic_shuffle import CyclicShuffle
from rtformer_ros.network.quantisation.parallel.parallel_block import ParallelBlock
from rtformer_ros.network.quantisation.parallel.parallel_convolution import (
    ParallelConvolution,
    QUANTISER_VALUES,
)
import torch
from torch import nn, Tensor

# So little that trained weights go on as they were, and enough for gradients to pass.
_FIRST_SHUFFLE_GAIN = 0.01


class ParallelStage(nn.Module):
    """Give an input to each of the groups of a stage, and return the mean of their outputs."""

    groups: int

    def forward(self, x: Tensor) -> Tensor:
        """Return NCHW as the stage does."""
        wide = super().forward(torch.cat([x] * self.groups, dim=1))
        channels = int(wide.shape[1]) // self.groups
        parts = [wide[:, k * channels : (k + 1) * channels] for k in range(self.groups)]
        return cast('Tensor', sum(parts[1:], parts[0]) * (1 / self.groups))


def parallelise(network: Network, precision: GroupPrecision) -> None:
    """
    Make parallel groups of the stages that the network's family names.

    Each group begins as a copy of the stage; quantisers are still to be set, by a file or by
    observe_ranges. Raises ConfigError for a family that names none.
    """
    names, modules = network.family.parallel, dict(network.named_modules())
    if not names:
        raise ConfigError(
            f'{network.family.title} has no form of parallel groups; train RTFormer, or leave '
            "'parallel' out (--qat layered serves every network that segments)"
        )
    network.group_precision = precision
    for name in names:
        stage = modules.get(name)
        if stage is not None and any(isinstance(each, nn.Conv2d) for each in stage.modules()):
            _make_parallel(stage, precision)


def parallel_convolutions(network: nn.Module) -> dict[str, ParallelConvolution]:
    """Return the convolutions of parallel groups by name."""
    modules = network.named_modules()
    return {name: each for name, each in modules if isinstance(each, ParallelConvolution)}


@torch.no_grad()
def observe_ranges(network: Network, images_nhwc: Tensor) -> None:
    """
    Set the quantisers of a network that has just been made of parallel groups.

    network: in eval mode. images_nhwc: uint8 [n, h, w, 3], RGB; layer by layer, ranges are set to
    what they give rise to.
    """
    blocks = [each for each in network.modules() if isinstance(each, ParallelBlock)]
    shuffling = [block for block in blocks if block.shuffles_channels]
    for block in shuffling:
        block.shuffles_channels = False
    for conv in parallel_convolutions(network).values():
        conv.observes = True
    ImageSegmenter(network).logits(images_nhwc)
    for block in shuffling:
        _begin_to_shuffle(block)


@torch.no_grad()
def drop_quantisers(network: nn.Module) -> None:
    """
    Turn convolutions of parallel groups into plain ones, which read features as they are.

    Their weights are the codes times a number for each channel of the output.
    """
    for conv in parallel_convolutions(network).values():
        last = conv.levels - 1
        scale = conv.output_scale.abs() / (last * conv.input_span)
        conv.weight = nn.Parameter(conv.codes() * scale.reshape(-1, 1, 1, 1))
        for name in (*QUANTISER_VALUES, 'input_below'):
            delattr(conv, name)
        conv.__class__ = nn.Conv2d  # type: ignore[assignment]


def _make_parallel(stage: nn.Module, precision: GroupPrecision) -> None:
    groups, levels = precision.groups, 1 << precision.bits
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            _copy_convolution(module, groups)
        elif isinstance(module, nn.BatchNorm2d):
            _copy_norm(module, groups)
    for block in [each for each in stage.modules() if isinstance(each, BasicBlock)]:
        ParallelBlock.convert(block, groups, None)
    if isinstance(stage, nn.Sequential):
        for follower in list(stage)[1:]:
            if isinstance(follower, ParallelBlock):
                follower.shuffle = _shuffle(follower, groups)
    for module in list(stage.modules()):
        if isinstance(module, nn.Conv2d):
            ParallelConvolution.convert(module, levels, groups)
    kind = type(stage)
    stage.__class__ = type(f'Parallel{kind.__name__}Stage', (ParallelStage, kind), {})
    cast('ParallelStage', stage).groups = groups


def _copy_convolution(conv: nn.Conv2d, groups: int) -> None:
    conv.weight = nn.Parameter(conv.weight.detach().repeat(groups, 1, 1, 1))
    if conv.bias is not None:
        conv.bias = nn.Parameter(conv.bias.detach().repeat(groups))
    conv.in_channels *= groups
    conv.out_channels *= groups
    conv.groups *= groups


def _copy_norm(norm: nn.BatchNorm2d, groups: int) -> None:
    norm.weight, norm.bias = (
        nn.Parameter(each.detach().repeat(groups)) for each in (norm.weight, norm.bias)
    )
    for name in ('running_mean', 'running_var'):
        setattr(norm, name, norm.get_buffer(name).repeat(groups))
    norm.num_features *= groups


def _shuffle(block: BasicBlock, groups: int) -> CyclicShuffle:
    norm = cast('nn.BatchNorm2d', block.bn1)
    shuffle = CyclicShuffle(block.conv1.in_channels, groups, cast('float', norm.momentum))
    conv, own_norm, _ = shuffle.conv1
    nn.init.kaiming_normal_(cast('nn.Conv2d', conv).weight)
    nn.init.constant_(cast('nn.BatchNorm2d', own_norm).weight, _FIRST_SHUFFLE_GAIN)
    return shuffle.train(block.training)


def _begin_to_shuffle(block: ParallelBlock) -> None:
    """Let a block shuffle channels, whose places make up for it."""
    block.shuffles_channels = True
    conv, norm = cast('ParallelConvolution', block.conv2), cast('nn.BatchNorm2d', block.bn2)
    count = conv.out_channels
    places = torch.arange(count).reshape(count // block.groups, block.groups).T.reshape(-1)
    arrays = [conv.weight, conv.output_scale, norm.weight, norm.bias]
    for array in (*arrays, norm.get_buffer('running_mean'), norm.get_buffer('running_var')):
        array.copy_(array[places])
