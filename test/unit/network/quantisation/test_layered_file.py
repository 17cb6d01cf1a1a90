# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One file holds every precision; it is built anew from it, and refused where it is broken."""

import json

import numpy as np
import pytest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import build_from_checkpoint, build_rtformer, load_checkpoint
from rtformer_ros.network.quantisation.bit_planes import codes_of, signs_of
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint
from rtformer_ros.network.quantisation.layered_file import load_layered, save_layered
from rtformer_ros.network.quantisation.layered_network import (
    each_precision,
    layer_network,
    use_bits,
)
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.network.weights.weights_file import read_tensors, write_weights
import torch

LAYERS = {'layer1.0.conv1': 4.0, 'layer2.0.downsample.0': 3.0, 'layer4.mlp_l.conv2': 5.0}
NAME = 'layer1.0.conv1'


@pytest.fixture(scope='module')
def network():
    """A layered network whose precisions have seen different batches."""
    torch.manual_seed(5)
    made = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    layer_network(made, LAYERS, (4, 8, 6))
    for _ in each_precision(made):
        made(torch.randn(2, 3, 64, 64))
    return made.eval()


@pytest.fixture(scope='module')
def path(network, tmp_path_factory):
    path = tmp_path_factory.mktemp('layered') / 'layered.safetensors'
    save_layered(
        LayeredCheckpoint.of(network, Checkpoint.of(network, notes={'from': 'test'})), path
    )
    return path


def test_the_planes_of_a_file_are_the_rounded_weights(network, path):
    tensors, header = read_tensors(path)
    assert header['layered']['bits'] == [8, 6, 4]
    for name in LAYERS:
        conv = network.get_submodule(name)
        weight, step = conv.weight.detach().numpy(), conv.log_weight_step.detach().exp().numpy()
        q8 = np.clip(np.rint(weight / step[:, None, None, None]), -127, 127).astype(np.int8)
        stored = (q8 * signs_of(q8.shape)).ravel()
        planes = {bits: tensors[f'planes/{name}/b{bits}'].numpy() for bits in (4, 6, 8)}
        np.testing.assert_array_equal(codes_of(planes, q8.size), stored)
        np.testing.assert_array_equal(load_layered(path).layers[name].codes, q8)
        del planes[8]
        np.testing.assert_array_equal(codes_of(planes, q8.size), stored >> 2)
        del planes[6]
        np.testing.assert_array_equal(codes_of(planes, q8.size), stored >> 4)


def test_the_network_of_a_file_computes_as_the_one_it_was_made_of(network, path):
    built = build_from_checkpoint(path)
    assert built.bit_widths == (8, 6, 4)
    images, results = torch.randn(1, 3, 64, 64), []
    with torch.inference_mode():
        for bits in (8, 6, 4):
            use_bits(network, bits)
            use_bits(built, bits)
            results.append(network(images))
            torch.testing.assert_close(built(images), results[-1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(results[0], results[1], atol=1e-2)
    assert not torch.allclose(results[1], results[2], atol=1e-2)


def test_each_precision_keeps_statistics_of_its_own(network, path):
    layered = load_layered(path)
    means = [layered.statistics[bits]['layer1.0.bn1.running_mean'] for bits in (8, 6, 4)]
    assert not torch.equal(means[0], means[1])
    assert not torch.equal(means[1], means[2])
    assert torch.equal(layered.at(6).state['layer1.0.bn1.running_mean'], means[1])


def test_bits_that_were_not_trained_are_refused(path):
    with pytest.raises(ConfigError, match='have no 2 bits; they were trained for 8, 6, 4'):
        load_layered(path).at(2)


def test_other_readers_say_what_to_do_with_it(path):
    with pytest.raises(CheckpointError, match='ros2 run rtformer_ros export'):
        load_checkpoint(path)


def broken(path, tmp_path, change):
    tensors, header = read_tensors(path)
    header = json.loads(json.dumps(header))
    change(tensors, header)
    target = tmp_path / 'broken.safetensors'
    write_weights(target, tensors, header)
    return target


def cut_plane(tensors, _header):
    tensors[f'planes/{NAME}/b6'] = tensors[f'planes/{NAME}/b6'][1:]


def lose_plane(tensors, _header):
    del tensors[f'planes/{NAME}/b4']


def zero_step(tensors, _header):
    tensors[f'steps/{NAME}/input'] = torch.tensor(0.0)


def spoil_statistics(tensors, _header):
    tensors['norms/b6/layer1.0.bn1.running_var'] = torch.ones(3)


def lose_weight(tensors, _header):
    del tensors['weights/seghead.conv2.bias']


def unknown_bits(_tensors, header):
    header['layered']['bits'] = [8, 5]


def no_shapes(_tensors, header):
    header['layered'] = {'bits': [8]}


def huge_shape(_tensors, header):
    header['layered']['shapes'][NAME] = [1 << 20, 1 << 20, 3, 3]


def other_shape(_tensors, header):
    header['layered']['shapes'][NAME] = [8, 4, 6, 3]


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (cut_plane, f"'planes/{NAME}/b6' is"),
        (lose_plane, f"'planes/{NAME}/b4' is 'None'|'planes/{NAME}/b4' is None"),
        (zero_step, 'a step that is not above 0'),
        (spoil_statistics, "'norms/b6/layer1.0.bn1.running_var' is"),
        (lose_weight, r'it lacks .*seghead\.conv2\.bias'),
        (unknown_bits, 'names the precisions'),
        (no_shapes, 'does not name bits and shapes'),
        (huge_shape, 'the shape'),
        (other_shape, r'has the shape \[8, 4, 6, 3\]; expected \[8, 8, 3, 3\]'),
    ],
)
def test_broken_files_are_refused(path, tmp_path, change, words):
    with pytest.raises(CheckpointError, match=words):
        build_from_checkpoint(broken(path, tmp_path, change))
