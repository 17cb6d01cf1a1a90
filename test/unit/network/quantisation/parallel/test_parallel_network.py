# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parallel groups begin as the network that they are made of; which of its layers have them."""

import copy

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.network import build_network, build_rtformer, ImageSegmenter
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from rtformer_ros.network.quantisation.parallel import parallel_convolution
from rtformer_ros.network.quantisation.parallel.parallel_block import ParallelBlock
from rtformer_ros.network.quantisation.parallel.parallel_network import (
    drop_quantisers,
    observe_ranges,
    parallel_convolutions,
    parallelise,
)
import torch
from torch import nn


def trained():
    """A small network whose norms are not all alike."""
    torch.manual_seed(0)
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    return network.eval()


IMAGES = torch.randint(
    0, 256, (2, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.mark.parametrize('groups', [1, 2, 3])
def test_with_fine_quantisers_it_computes_what_the_network_did(groups, monkeypatch):
    """So the copies, the shuffled channels' places and the mean over the groups are right."""
    # Ranges that clip nothing, and far more levels than any file has.
    monkeypatch.setattr(parallel_convolution, '_BORDER', 40)
    network = trained()
    made = copy.deepcopy(network)
    parallelise(made, GroupPrecision(4, groups))
    for conv in parallel_convolutions(made).values():
        conv.levels = 1 << 16
    for name, module in made.named_modules():
        if name.endswith('shuffle.conv1.1'):
            nn.init.zeros_(module.weight)
    observe_ranges(made, IMAGES)
    segmenters = [ImageSegmenter(each) for each in (network, made)]
    with torch.inference_mode():
        expected, came = (each.logits(IMAGES) for each in segmenters)
    assert expected.std() > 0.1
    assert (came - expected).abs().max() < 0.02 * expected.std()
    # Each path is taken: without the shuffle, what was moved to make up for it shows.
    blocks = [each for each in made.modules() if isinstance(each, ParallelBlock)]
    assert sum(each.shuffles_channels for each in blocks) == 2
    assert sum(each.shuffle is not None for each in blocks) == 3


def test_what_is_not_made_of_groups():
    network = trained()
    plain = {name for name, each in network.named_modules() if isinstance(each, nn.Conv2d)}
    parallelise(network, GroupPrecision(2, 2))
    found = parallel_convolutions(network)
    heads = {f'{head}.conv{n}' for head in ('seghead', 'seghead_extra') for n in (1, 2)}
    tokens = {f'{block}.cross_kv.2' for block in ('layer4', 'layer5')}
    assert plain - found.keys() == {'conv1.0', 'conv1.3'} | heads | tokens
    shuffles = {f'layer{n}.1.shuffle.conv1.0' for n in (1, 2, 3)}
    assert found.keys() - plain == shuffles
    assert all(conv.groups == 2 for conv in found.values())


def test_without_quantisers_weights_are_codes_times_a_number_a_channel():
    network = trained()
    parallelise(network, GroupPrecision(2, 2))
    observe_ranges(network, IMAGES)
    codes = {name: conv.codes() for name, conv in parallel_convolutions(network).items()}
    drop_quantisers(network)
    assert not parallel_convolutions(network)
    for name, odd in codes.items():
        weight = network.get_submodule(name).weight
        assert set(odd.unique().tolist()) <= {-3, -1, 1, 3}
        scales = (weight / odd).flatten(1)
        torch.testing.assert_close(scales, scales[:, :1].expand_as(scales))


def test_families_and_values_that_have_no_groups_are_refused():
    network = build_network('ddrnet23_slim', 4, base_channels=8, head_channels=8)
    with pytest.raises(ConfigError, match='DDRNet has no form of parallel groups'):
        parallelise(network, GroupPrecision())
    for bits, groups in ((3, 2), (8, 2), (4, 0), (4, 9), ('4', 2), (4, None)):
        with pytest.raises(ConfigError, match='of parallel groups is'):
            GroupPrecision(bits, groups)
