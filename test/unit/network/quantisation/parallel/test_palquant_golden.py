# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parallel groups compute what the code of PalQuant's authors computes."""

import numpy as np
import oracle
import palquant
import pytest
from rtformer_ros.network.quantisation.parallel.cyclic_shuffle import (
    CyclicShuffle,
    shuffled_channels,
    turned_groups,
)
from rtformer_ros.network.quantisation.parallel.parallel_network import parallel_convolutions
import torch
from torch import nn

UNITS = 'palquant_units_2bit.npz'
RESNET = 'palquant_resnet18_w2a2g2_1x3x64x64.npz'
MADE = {
    'qconv_g2': lambda: palquant.quantised(nn.Conv2d(16, 32, 3, 2, 1, bias=False), 2),
    'cyclic_g4': lambda: palquant.quantised(CyclicShuffle(32, 4, 0.1), 4),
    'block_g2': lambda: palquant.block(16, 32, 2, 2),
}


def check_first_values(network, golden, prefix):
    """What the first input has set."""
    checked = 0
    for name, conv in parallel_convolutions(network).items():
        values = {
            'uW': conv.upper_weight,
            'lW': conv.lower_weight,
            'uA': conv.input_offset + conv.input_span,
            'lA': conv.input_offset,
            'output_scale': conv.output_scale,
        }
        for key, value in values.items():
            expected = golden[prefix + '.'.join(filter(None, (name, key)))]
            assert float(value.detach()) == pytest.approx(float(expected), rel=1e-4, abs=5e-5)
            checked += 1
    assert checked == sum('init/' in key and key.startswith(prefix) for key in golden)


def check_outputs(came, expected):
    # A code at the border of two may be another one.
    tolerance = 1e-5 * max(10, np.abs(expected).max())
    assert (np.abs(came - expected) < tolerance).mean() >= 0.999


@pytest.mark.parametrize('unit', MADE)
def test_units_equal_those_of_the_authors(unit):
    golden, module = oracle.load(UNITS), MADE[unit]()
    palquant.with_reference_weights(module, 'palquant_units', f'{unit}.')
    x = torch.from_numpy(oracle.images(tuple(golden[f'{unit}.in_shape'])))
    with torch.inference_mode():
        came = module(x if unit == 'qconv_g2' else x.abs())
    check_first_values(module, golden, f'{unit}.init/')
    check_outputs(came.numpy(), golden[f'{unit}.out'])


def test_resnet_equals_that_of_the_authors():
    golden, network = oracle.load(RESNET), palquant.ResNet18(2)
    palquant.with_reference_weights(network, 'palquant_resnet18_w2a2g2')
    with torch.inference_mode():
        logits = network(torch.from_numpy(oracle.images(oracle.shape_in(RESNET))))
    check_first_values(network, golden, 'init/')
    check_outputs(logits.numpy(), golden['logits'])


@pytest.mark.parametrize(
    ('permute', 'name'),
    [(turned_groups, 'cyclic_permute_g4'), (shuffled_channels, 'channel_shuffle_g4')],
)
def test_channels_change_their_places_as_those_of_the_authors(permute, name):
    channels = torch.arange(12.0).reshape(1, 12, 1, 1).expand(2, 12, 3, 5)
    came = permute(channels, 4)
    np.testing.assert_array_equal(came[1, :, 2, 4], oracle.load(UNITS)[name])
    assert came.shape == channels.shape
