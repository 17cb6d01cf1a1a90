# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A file of parallel groups is small, is built anew from, and is refused where it is broken."""

import json

import numpy as np
import parallel_groups
import pytest
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network import build_from_checkpoint, build_network, load_checkpoint
from rtformer_ros.network.quantisation.layered_file import load_layered
from rtformer_ros.network.quantisation.parallel.parallel_file import load_parallel
from rtformer_ros.network.quantisation.parallel.parallel_network import parallel_convolutions
from rtformer_ros.network.weights.checkpoint import Checkpoint, save_checkpoint
from rtformer_ros.network.weights.weights_file import read_tensors, write_weights
from rtformer_ros.training.run.initial_weights import initialize
import torch

NAME = 'layer2.0.conv1'


@pytest.fixture(scope='module')
def network():
    return parallel_groups.parallel_network()


@pytest.fixture(scope='module')
def path(network, tmp_path_factory):
    return parallel_groups.save(network, tmp_path_factory.mktemp('parallel') / 'a.safetensors')


def test_codes_of_a_file_are_the_packed_bits_of_the_weights(network, path):
    tensors, header = read_tensors(path)
    assert {key: header['parallel'][key] for key in ('bits', 'groups')} == {'bits': 4, 'groups': 2}
    for name, conv in parallel_convolutions(network).items():
        lower, upper = (float(each.detach()) for each in (conv.lower_weight, conv.upper_weight))
        weight = conv.weight.detach().double().numpy().ravel()
        levels = np.rint(np.clip((weight - lower) / (upper - lower), 0, 1) * 15).astype(int)
        packed = tensors[f'codes/{name}'].numpy()
        halves = np.stack([packed & 15, packed >> 4], 1).ravel()[: weight.size].astype(int)
        # Two's complement of the level less 8.
        assert ((halves + 8) % 16 == levels).mean() > 0.9999
        assert f'weights/{name}.weight' not in tensors


@pytest.mark.parametrize(('bits', 'groups'), [(4, 2), (2, 3), (4, 1)])
def test_a_network_is_built_anew_from_its_file(bits, groups, tmp_path):
    network = parallel_groups.parallel_network(bits, groups)
    built = build_from_checkpoint(parallel_groups.save(network, tmp_path / 'a.safetensors'))
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(built(images), network(images), rtol=0, atol=0)
    assert (built.group_precision.bits, built.group_precision.groups) == (bits, groups)


def test_other_readers_say_what_to_do_with_it(path, network):
    with pytest.raises(CheckpointError, match=r'are run as ONNX: .ros2 run rtformer_ros exp'):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match='holds parallel groups'):
        initialize(network, path)
    with pytest.raises(CheckpointError, match="its header's 'layered' does not name bits"):
        load_layered(path)


def test_files_of_another_kind_or_family_are_refused(path, tmp_path):
    plain = tmp_path / 'plain.safetensors'
    ddrnet = build_network('ddrnet23_slim', 4, base_channels=8, head_channels=8)
    save_checkpoint(Checkpoint.of(ddrnet), plain)
    with pytest.raises(CheckpointError, match="'parallel' does not name bits, groups and shapes"):
        load_parallel(plain)
    tensors, header = read_tensors(plain)
    header['parallel'] = {'bits': 4, 'groups': 2, 'shapes': {}}
    renamed = {f'weights/{key}': value for key, value in tensors.items()}
    write_weights(plain, renamed, header)
    with pytest.raises(CheckpointError, match='DDRNet has no form of parallel groups'):
        build_from_checkpoint(plain)


def cut_codes(tensors, _header):
    tensors[f'codes/{NAME}'] = tensors[f'codes/{NAME}'][1:]


def lose_codes(tensors, _header):
    del tensors[f'codes/{NAME}']


def lose_span(tensors, _header):
    del tensors[f'weights/{NAME}.input_span']


def zero_span(tensors, _header):
    tensors[f'weights/{NAME}.input_span'] = torch.tensor(0.0)


def half_a_level(tensors, _header):
    tensors[f'weights/{NAME}.input_below'] = torch.tensor(0.5)


def no_number(tensors, _header):
    tensors[f'weights/{NAME}.output_scale'][0] = torch.nan


def other_bits(_tensors, header):
    header['parallel']['bits'] = 3


def other_groups(_tensors, header):
    header['parallel']['groups'] = 4


def huge_groups(_tensors, header):
    header['parallel']['groups'] = 1 << 40


def list_of_bits(_tensors, header):
    header['parallel']['bits'] = [4]


def no_shapes(_tensors, header):
    header['parallel'] = {'bits': 4, 'groups': 2}


def lose_shape(_tensors, header):
    del header['parallel']['shapes'][NAME]


def huge_shape(_tensors, header):
    header['parallel']['shapes'][NAME] = [1 << 20, 1 << 20, 3, 3]


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (cut_codes, f"'codes/{NAME}' is"),
        (lose_codes, f"'codes/{NAME}' is 'None'|'codes/{NAME}' is None"),
        (lose_span, r'it lacks .*layer2\.0\.conv1\.input_span'),
        (zero_span, 'quantises a span of 0.0'),
        (half_a_level, 'with 0.5 levels below 0'),
        (no_number, 'holds NaN or infinity'),
        (other_bits, 'bits of parallel groups is'),
        (other_groups, 'has the shape'),
        (huge_groups, 'groups of parallel groups is'),
        (list_of_bits, 'bits of parallel groups is'),
        (no_shapes, 'does not name bits, groups and shapes'),
        (lose_shape, 'it lacks'),
        (huge_shape, 'the shape'),
    ],
)
def test_broken_files_are_refused(path, tmp_path, change, words):
    tensors, header = read_tensors(path)
    header = json.loads(json.dumps(header))
    change(tensors, header)
    target = tmp_path / 'broken.safetensors'
    write_weights(target, tensors, header)
    with pytest.raises(CheckpointError, match=words):
        build_from_checkpoint(target)
