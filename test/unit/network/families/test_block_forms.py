# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The forms of an RTFormer block: formulas, golden outputs, sizes, refusals, files."""

import numpy as np
import oracle
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.network import (
    build_from_checkpoint,
    build_network,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.families.attention.external import ExternalAttention
from rtformer_ros.network.families.attention.linformer import grid_means, LinformerAttention
from rtformer_ros.network.families.attention.self_attention import SelfAttention
from rtformer_ros.network.families.block_forms import BlockForms
from rtformer_ros.network.families.feed_forward import DepthwiseFeedForward
from rtformer_ros.network.families.rtformer_block import BlockSettings, RTFormerBlock
import safetensors.torch
import torch
import torch.nn.functional as F

TOLERANCE = 5e-5
NARROW = {'base_channels': 8, 'head_channels': 8, 'aux_head': False}


def softmax(values, axis):
    weights = np.exp(values - values.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def drawn(module):
    """The module in eval mode and float64; its weights are random, its norms do nothing."""
    torch.manual_seed(3)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(part.weight)
            torch.nn.init.zeros_(part.bias)
            part.eps = 0.0
    return module.double().eval()


def weights_in(module):
    return {k: v.numpy().squeeze() for k, v in module.state_dict().items()}


def output(module, image):
    with torch.inference_mode():
        return module(torch.from_numpy(image)[None])[0].numpy()


def in_heads(tokens, heads):
    return tokens.reshape(heads, len(tokens) // heads, -1)


def attended(q, k, v, heads):
    """Plain attention of [channels, tokens] matrices."""
    q, k, v = (in_heads(each, heads) for each in (q, k, v))
    scores = np.einsum('hdi,hdj->hij', q, k) / np.sqrt(q.shape[1])
    return np.einsum('hij,hdj->hdi', softmax(scores, 2), v).reshape(-1, q.shape[2])


@pytest.mark.parametrize('channels', [8, 16])
def test_self_attention_follows_its_formula(channels):
    module = drawn(SelfAttention(channels, 16, 0.1, heads=4))
    image = np.random.default_rng(0).standard_normal((channels, 5, 6))
    came, w = output(module, image), weights_in(module)
    seen = image if channels == 16 else image[:, ::2, ::2]
    q, k, v = (w['qkv.1.weight'] @ seen.reshape(channels, -1)).reshape(3, 16, -1)
    expected = w['projection.weight'] @ attended(q, k, v, 4) + w['projection.bias'][:, None]
    np.testing.assert_allclose(came.reshape(16, -1), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('size', [(16, 16), (19, 33), (5, 40), (1, 1)])
def test_linformer_attention_follows_its_formula(size):
    module = drawn(LinformerAttention(8, 8, 0.1, heads=2, tokens=6))
    image = np.random.default_rng(1).standard_normal((8, *size))
    came, w = output(module, image), weights_in(module)
    q, k, v = (w['qkv.1.weight'] @ image.reshape(8, -1)).reshape(3, 8, *size)
    pooled = (F.adaptive_avg_pool2d(torch.from_numpy(each), 16) for each in (k, v))
    k, v = (each.numpy().reshape(8, 256) for each in pooled)
    mixed = attended(q.reshape(8, -1), k @ w['key_projection'], v @ w['value_projection'], 2)
    expected = w['projection.weight'] @ mixed + w['projection.bias'][:, None]
    np.testing.assert_allclose(came.reshape(8, -1), expected, rtol=1e-9, atol=1e-12)


def test_means_over_a_grid_are_those_of_adaptive_pooling():
    image = torch.randn(2, 3, 37, 16, dtype=torch.float64)
    torch.testing.assert_close(grid_means(image), F.adaptive_avg_pool2d(image, 16))


def test_external_attention_computes_what_eanet_does():
    weights = {
        key.removeprefix('mhea.'): torch.from_numpy(value)
        for key, value in oracle.weights_of('external_attention', of_torch=True).items()
    }
    names = {
        'expansion.1': 'trans_dims',
        'memory_keys': 'linear_0',
        'memory_values': 'linear_1',
        'projection': 'proj',
    }
    module = ExternalAttention(64, 64, 0.1, heads=8, memory=weights['linear_0.weight'].shape[0])
    module.expansion[0] = torch.nn.Identity()
    state = {
        key: weights[f'{names[key.rpartition(".")[0]]}.{key.rpartition(".")[2]}'].reshape(v.shape)
        for key, v in module.state_dict().items()
    }
    module.load_state_dict(state)
    tokens = oracle.images((2, 60, 64))
    image = torch.from_numpy(tokens).transpose(1, 2).reshape(2, 64, 6, 10)
    with torch.inference_mode():
        came = module.eval()(image).reshape(2, 64, 60).transpose(1, 2).numpy()
    expected = oracle.load('external_attention.npz')['out']
    assert np.abs(came - expected).max() <= TOLERANCE
    assert expected.std() > 10 * TOLERANCE


def test_a_block_without_cross_attention_computes_what_the_reference_does():
    weights = {
        oracle.our_key(key).removeprefix('block_nocross.'): torch.from_numpy(value)
        for key, value in oracle.weights_of('rtformer_nocross').items()
    }
    # The reference's inner channels are those of a grid of 8x8.
    settings = BlockSettings(64, 128, 32, 8, BlockForms(high='gfa'), False, 0.0, 0.1)
    block = RTFormerBlock(settings).eval()
    missing, foreign = block.load_state_dict(weights, strict=False)
    assert (foreign, [k for k in missing if not k.endswith('num_batches_tracked')]) == ([], [])
    inputs = (torch.from_numpy(oracle.images(s)) for s in ((1, 32, 24, 40), (1, 64, 12, 20)))
    with torch.inference_mode():
        came = block(*inputs)
    expected = oracle.load('rtformer_nocross.npz')
    for branch, name in zip(came, ('high', 'low'), strict=True):
        assert np.abs(branch.numpy() - expected[name]).max() <= TOLERANCE


def test_depthwise_feed_forward_follows_its_formula():
    module = drawn(DepthwiseFeedForward(3, 0.1))
    image = np.random.default_rng(2).standard_normal((3, 4, 5))
    came, w = output(module, image), weights_in(module)
    wide = np.einsum('oc,chw->ohw', w['expansion.1.weight'], image)
    wide += w['expansion.1.bias'][:, None, None]
    padded = np.pad(wide, ((0, 0), (1, 1), (1, 1)))
    mixed = sum(
        w['mixing.weight'][:, i, j, None, None] * padded[:, i : i + 4, j : j + 5]
        for i, j in np.ndindex(3, 3)
    )
    mixed = F.gelu(torch.from_numpy(mixed + w['mixing.bias'][:, None, None])).numpy()
    expected = np.einsum('oc,chw->ohw', w['projection.weight'], mixed)
    np.testing.assert_allclose(came, expected + w['projection.bias'][:, None, None], rtol=1e-9)


def parameters(**options):
    with torch.device('meta'):
        network = build_network('rtformer_slim', 19, aux_head=False, **options)
    return sum(weight.numel() for weight in network.parameters())


# Of layer4 (from 128) and layer5 (from 256), both to 256 and beside a high branch of 64.
LOW = {
    'gfa': lambda i, o: i * o + o * o,
    'mhsa': lambda i, o: 3 * i * o + o * o + o,
    'linformer': lambda i, o: 3 * i * o + o * o + o + 2 * 256 * 64,
    'mhea': lambda i, o: 4 * i * o + (o // 8) * o + (o * (o // 8) + o // 8) + 4 * o * o + o,
}


@pytest.mark.parametrize('attention', LOW)
def test_attentions_have_as_many_weights_as_their_formula(attention):
    def count(name):
        return LOW[name](128, 256) + LOW[name](256, 256)

    assert parameters(attention=attention) - parameters() == count(attention) - count('gfa')


def test_other_forms_have_as_many_weights_as_their_formula():
    cross = 2 * (2 * 256 + 2 * 64 * 256)  # norm and convolution of the tokens
    assert parameters(high='none') - parameters() == -cross - 2 * 2 * 64
    assert parameters(high='gfa') - parameters() == 2 * 2 * 64 * 144 - cross
    two_3x3 = {c: 2 * (9 * c * c + c) for c in (64, 256)}
    depthwise = {c: 8 * c * c + 4 * c * 11 + c for c in (64, 256)}
    assert parameters(feed_forward='depthwise') - parameters() == 2 * sum(
        depthwise[c] - two_3x3[c] for c in (64, 256)
    )
    assert parameters(groups=(1, 8)) == parameters()


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'attention': 'flash'}, "attention is 'flash'; expected one of gfa, mhsa, mhea, linf"),
        ({'high': 'low'}, "high is 'low'; expected one of cross, gfa, none"),
        ({'feed_forward': 'swiglu'}, "feed_forward is 'swiglu'"),
        ({'groups': (8,)}, 'groups is .* two whole numbers'),
        ({'groups': (7, 8)}, 'groups of the low branch is 7; expected a divisor of the 256'),
        ({'high': 'gfa', 'cross_size': 5}, 'groups of the high branch is 8; .* cross_size, 25'),
        ({'memory_ratio': 0.25}, 'memory_ratio is 0.25, which attention gfa .* does not read'),
        ({'attention': 'mhea', 'memory_ratio': 0}, 'memory_ratio is 0; expected a number above 0'),
        ({'attention': 'mhsa', 'projected_tokens': 32}, 'projected_tokens is 32, which attention'),
        ({'attention': 'mhsa', 'groups': (8, 2)}, r'groups is \(8, 2\), which attention mhsa'),
        ({'attention': 'linformer', 'projected_tokens': 0}, 'projected_tokens is 0'),
    ],
)
def test_forms_that_cannot_be_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        build_network('rtformer_slim', 3, **options)


@pytest.mark.parametrize(
    'options',
    [
        {'attention': 'mhsa', 'high': 'none', 'feed_forward': 'depthwise'},
        {'attention': 'mhea', 'memory_ratio': 0.125},
        {'attention': 'linformer', 'projected_tokens': 20},
        {'high': 'gfa', 'cross_size': 4},
    ],
)
def test_forms_show_in_the_weights_alone(tmp_path, options):
    network = build_network('rtformer_slim', 3, base_channels=32, **options)
    path = tmp_path / 'bare.safetensors'
    safetensors.torch.save_file(Checkpoint.of(network).state, path)
    assert load_checkpoint(path).architecture.forms == network.architecture.forms


def test_files_say_what_weights_do_not_show(tmp_path):
    network = build_network('rtformer_slim', 3, high='gfa', cross_size=4, groups=(1, 2), **NARROW)
    path = tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    assert build_from_checkpoint(path).architecture == network.architecture
