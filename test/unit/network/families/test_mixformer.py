# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""MixFormer computes what PaddleClas' computes, from its own files of weights."""

import pickle

import numpy as np
import oracle
import pytest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import build_classifier, build_from_checkpoint, build_network
from rtformer_ros.network.families.mixformer.block import MixFormerBlock, WINDOW, WindowAttention
from rtformer_ros.network.families.mixformer.encoder import own_layout
from rtformer_ros.network.weights.checkpoint import load_checkpoint
from rtformer_ros.training.run.initial_weights import initialize
import torch

TOLERANCE = 5e-5
GOLDEN = 'mixformer_b0_1x3x224x224.npz'
BLOCK = 'mixformer_block_2x108x48_h9w12.npz'


def write_paddleclas(path, **changes):
    state = {**oracle.weights_of('mixformer_b0'), **changes}
    state = {key: value for key, value in state.items() if value is not None}
    path.write_bytes(pickle.dumps(state, protocol=4))
    return path


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    path = write_paddleclas(tmp_path_factory.mktemp('a') / 'MixFormer_B0.pdparams')
    return build_from_checkpoint(path)


def test_logits_and_stages_equal_those_of_the_reference(classifier):
    assert (classifier.family.task, classifier.architecture.variant) == ('classification', 'b0')
    golden = oracle.load(GOLDEN)
    images = torch.from_numpy(oracle.images(oracle.shape_in(GOLDEN)))
    with torch.inference_mode():
        logits = classifier(images)
        stages = [classifier.patch_embed(images), *classifier.scales(images)]
    assert np.abs(logits.numpy() - golden['logits']).max() <= TOLERANCE
    for stage, name in zip(stages, ('embed', *(f'stage{i}' for i in range(1, 5))), strict=True):
        tokens = stage.flatten(1, 2).numpy()
        assert tokens.shape == tuple(golden[f'shape_{name}'])
        expected = golden[f'mid_{name}']
        tolerance = 2e-5 * max(1, np.abs(expected).max())
        assert np.abs(oracle.sample(tokens, 4096) - expected).max() <= tolerance, name


def test_a_block_with_unfilled_windows_equals_that_of_the_reference():
    height, width, channels = 9, 12, 48
    state = {
        oracle.our_key(key.removeprefix('unit.')): torch.from_numpy(
            value.T.copy() if value.ndim == 2 and key.endswith('.weight') else value
        )
        for key, value in oracle.weights_of('mixformer_block').items()
    }
    block = MixFormerBlock(channels, heads=3, drop_path_rate=0.0, momentum=0.1).eval()
    block.load_state_dict(state, strict=False)
    tokens = torch.from_numpy(oracle.images((2, height * width, channels)))
    with torch.inference_mode():
        came = block(tokens.reshape(2, height, width, channels))
    golden = oracle.load(BLOCK)['out']
    assert np.abs(came.reshape(golden.shape).numpy() - golden).max() <= TOLERANCE


def test_window_attention_follows_its_formula():
    torch.manual_seed(1)
    attention = WindowAttention(6, heads=2).double()
    torch.nn.init.normal_(attention.relative_position_bias_table)
    image = torch.randn(1, 14, 7, 6, dtype=torch.float64)
    weights = torch.rand(1, 6, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        came = attention.attend(image, weights).numpy()
        qkv = attention.qkv(image).numpy()
    table = attention.relative_position_bias_table.detach().numpy()
    top, head, size = 7, 1, 3  # the second window and head
    window = qkv[0, top : top + WINDOW].reshape(49, 18)
    queries, keys, values = (
        window[:, part * 6 + head * size : part * 6 + (head + 1) * size] for part in range(3)
    )
    values = values * weights.numpy()[0, head * size : (head + 1) * size, 0, 0]
    for token in (0, 10, 48):
        offsets = [
            13 * (token // 7 - other // 7 + 6) + (token % 7 - other % 7 + 6) for other in range(49)
        ]
        scores = np.exp(keys @ queries[token] / np.sqrt(size) + table[offsets, head])
        expected = scores @ values / scores.sum()
        at = came[0, top + token // 7, token % 7, head * size : (head + 1) * size]
        np.testing.assert_allclose(at, expected, rtol=1e-9)


# As published, with the running statistics.
@pytest.mark.parametrize(
    ('variant', 'count'),
    [
        ('b0', 5_105_411),
        ('b1', 7_896_737),
        ('b2', 9_906_408),
        ('b3', 16_762_556),
        ('b4', 34_820_692),
        ('b5', 61_721_575),
        ('b6', 119_561_766),
    ],
)
def test_parameter_counts_are_those_published(variant, count):
    with torch.device('meta'):
        network = build_classifier(f'mixformer_{variant}')
    counted = [*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())]
    assert sum(tensor.numel() for tensor in counted) == count


def test_a_classifier_starts_a_segmenter(tmp_path, classifier):
    path = write_paddleclas(tmp_path / 'MixFormer_B0.pdparams')
    network = build_network('mixformer_b0', 11)
    _, fresh, _ = initialize(network, path)
    assert all(name.startswith(('decoder.', 'auxiliary.')) for name in fresh)
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        for came, expected in zip(
            network.eval().scales(images), classifier.scales(images), strict=True
        ):
            torch.testing.assert_close(came, expected, rtol=0, atol=0)
    with pytest.raises(CheckpointError, match='holds a MixFormer that classifies'):
        load_checkpoint(path)


def test_our_own_layout_is_left_as_it_is(classifier):
    state = classifier.state_dict()
    again = own_layout(state)
    assert all(again[key] is state[key] for key in state)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'layers.2.blocks.5.norm1.weight': None}, r'24 channels, heads of 4 and \(1, 2, 5, 6\)'),
        ({'head.bias': None}, "lacks 'head.bias' and has besides nothing"),
        ({'head.weight': None}, 'a backbone without'),
        ({'layers.1.blocks.0.attn.proj.weight': np.zeros((3, 4), np.float32)}, 'shape .4, 3.'),
        ({'patch_embed.proj.weight': np.zeros((40, 12, 2, 2), np.float32)}, '40 channels'),
    ],
)
def test_damaged_weights_are_refused_by_name(tmp_path, changes, words):
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(write_paddleclas(tmp_path / 'a.pdparams', **changes), task=None)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'base_channels': 20}, 'base_channels is 20; expected a multiple of 8, 16 or more'),
        ({'depths': (1, 2, 3)}, 'depths is'),
        ({'depths': (1, 2, 3, 1000)}, '4 whole numbers, 1 to 64'),
        ({'drop_path_rate': 1.0}, 'drop_path_rate is 1.0'),
        ({'head_channels': 0}, 'head_channels is 0'),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        build_network('mixformer_b0', 3, **options)
