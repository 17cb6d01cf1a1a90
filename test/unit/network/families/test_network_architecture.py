# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Variants, sizes, DropPath, initial weights and refusals of the network."""

import subprocess
import sys

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.network import build_rtformer, ImageSegmenter
from rtformer_ros.network.blocks import BatchNorm, DropPath
from rtformer_ros.network.families.attention.cross_resolution import CrossResolutionAttention
from rtformer_ros.network.families.attention.gpu_friendly import GpuFriendlyAttention
from rtformer_ros.network.image_segmenter import decide
import torch
import torch.nn.functional as F

ADE20K = {'injection': (True, False), 'drop_path_rate': 0.1}
TINY = {'base_channels': 8, 'head_channels': 8}


def parameter_count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# The counts are those of the reference's networks.
@pytest.mark.parametrize(
    ('variant', 'num_classes', 'overrides', 'without_aux', 'with_aux'),
    [
        ('slim', 19, {}, 5_365_043, 5_403_398),
        ('base', 19, {}, 17_765_971, 17_916_390),
        ('slim', 150, {**ADE20K, 'cross_size': 8}, 5_012_918, 5_059_788),
        ('base', 150, ADE20K, 17_799_638, 17_966_956),
    ],
)
def test_parameter_counts_are_those_published(
    variant, num_classes, overrides, without_aux, with_aux
):
    with torch.device('meta'):
        inference = build_rtformer(variant, num_classes, aux_head=False, **overrides)
        training = build_rtformer(variant, num_classes, **overrides)
    assert parameter_count(inference) == without_aux
    assert parameter_count(training) == with_aux


@pytest.mark.parametrize('size', [(361, 483), (65, 97), (64, 64), (33, 31), (7, 5), (1, 1)])
def test_any_input_size_gives_logits_of_that_size(size):
    network = build_rtformer('slim', 3, **TINY).eval()
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        logits = network(images)
    assert logits.shape == (2, 3, *size)
    assert bool(torch.isfinite(logits).all())


def test_training_mode_returns_main_and_auxiliary_logits():
    images = torch.randn(2, 3, 65, 97)
    main, aux = build_rtformer('base', 5, **TINY)(images)
    assert main.shape == aux.shape == (2, 5, 65, 97)
    assert not torch.equal(main, aux)
    alone = build_rtformer('base', 5, aux_head=False, **TINY)(images)
    assert alone.shape == (2, 5, 65, 97)


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'num_classes': 0}, 'num_classes is 0; expected a whole number'),
        ({'num_classes': True}, 'num_classes is True'),
        ({'variant': 'huge'}, "variant is 'huge'; expected one of slim, base"),
        ({'cross_size': -1}, 'cross_size is -1'),
        ({'injection': (True,)}, 'injection is'),
        ({'injection': (1, 0)}, 'two booleans'),
        ({'drop_path_rate': 1.0}, 'drop_path_rate is 1.0; expected a number from 0 to below 1'),
        ({'bn_momentum': 1.5}, 'bn_momentum is 1.5'),
        ({'base_channels': 12}, 'base_channels is 12; expected a multiple of 8'),
        ({'head_channels': 2.0}, 'head_channels is 2.0'),
        ({'aux_head': 'yes'}, 'aux_head is'),
    ],
)
def test_impossible_settings_are_refused(overrides, words):
    settings = {'variant': 'slim', 'num_classes': 3, **overrides}
    with pytest.raises(ConfigError, match=words):
        build_rtformer(settings.pop('variant'), settings.pop('num_classes'), **settings)


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    rate, samples = 0.2, 20_000
    kept = DropPath(rate).train()(torch.ones(samples, 2, 1, 2))
    per_sample = kept.reshape(samples, -1)
    assert bool((per_sample == per_sample[:, :1]).all())
    values, counts = np.unique(per_sample[:, 0].numpy(), return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / (1 - rate)], rtol=1e-6)
    # Five standard deviations of a binomial distribution.
    assert abs(counts[0] / samples - rate) < 5 * np.sqrt(rate * (1 - rate) / samples)


def test_drop_path_is_off_in_eval_mode_and_drawn_anew_in_each_branch():
    branch = torch.randn(64, 1, 1, 1)
    assert DropPath(0.5).eval()(branch) is branch
    drop_path = DropPath(0.5).train()
    assert not torch.equal(drop_path(branch), drop_path(branch))


def test_all_four_branches_of_both_blocks_are_dropped_at_the_rate_asked_for():
    network = build_rtformer('slim', 3, drop_path_rate=0.3, **TINY).train()
    calls = []
    for block in (network.layer4, network.layer5):
        assert block.drop_path.rate == 0.3
        block.drop_path.register_forward_hook(lambda *_: calls.append(1))
    network(torch.randn(2, 3, 64, 64))
    assert len(calls) == 8


def test_fresh_weights_are_drawn_as_published():
    network = build_rtformer('base', 19)
    mlp = network.layer5.mlp_l.conv1
    assert mlp.weight.std().item() == pytest.approx(np.sqrt(2 / (512 * 9)), rel=0.01)
    assert bool((mlp.bias == 0).all())
    assert network.layer5.attn_l.k.std().item() == pytest.approx(0.001, rel=0.01)
    assert network.layer5.attn_l.v.std().item() == pytest.approx(0.001, rel=0.01)
    assert network.layer4.cross_kv[-1].weight.std().item() == pytest.approx(0.0176, rel=0.02)
    assert network.layer4.cross_kv[-1].weight.abs().max().item() <= 0.04
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    assert sorted({module.eps for module in norms}) == [1e-6, 1e-5]
    assert {module.momentum for module in norms} == {0.1}


def test_batch_norm_keeps_the_biased_variance_and_normalises_like_torch():
    values = torch.randn(2, 3, 1, 2, dtype=torch.float64)
    ours, theirs = (kind(3, momentum=0.1).double() for kind in (BatchNorm, torch.nn.BatchNorm2d))
    torch.testing.assert_close(ours(values), theirs(values))
    expected = 0.9 * np.ones(3) + 0.1 * values.numpy().var(axis=(0, 2, 3))
    np.testing.assert_allclose(ours.running_var.numpy(), expected)
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.running_mean.numpy())


def test_gpu_friendly_attention_follows_its_formula():
    torch.manual_seed(1)
    attention = GpuFriendlyAttention(8, 16, 0.1).double().eval()
    torch.nn.init.normal_(attention.k)
    torch.nn.init.normal_(attention.v)
    image = torch.randn(1, 8, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        came = attention(image)[0].numpy()
    scaled = image[0].numpy()[:, ::2, ::2].reshape(8, 9) / np.sqrt(1 + 1e-5)
    weights = np.exp(attention.k.detach().numpy()[:, :, 0, 0] @ scaled)
    weights /= weights.sum(axis=1, keepdims=True)
    heads = weights.reshape(8, 2, 9)
    heads = heads / (heads.sum(axis=1, keepdims=True) + 1e-6)
    expected = attention.v.detach().numpy()[:, :, 0, 0] @ heads.reshape(16, 9)
    np.testing.assert_allclose(came.reshape(16, 9), expected, rtol=1e-10)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_gpu_friendly_attention_normalises_exactly_in_half_precision(dtype):
    torch.manual_seed(5)
    attention = GpuFriendlyAttention(16, 16, 0.1).eval()
    # With these, the logits are the image and the output is what was normalised.
    attention.norm = torch.nn.Identity()
    for matrix in (attention.k, attention.v):
        matrix.data = torch.eye(16).reshape(16, 16, 1, 1)
    image = (6 * torch.randn(1, 16, 24, 32)).to(dtype)
    with torch.no_grad():
        came = attention.to(dtype)(image).double()
        expected = attention.double()(image.double())
    assert (came - expected).abs().max().item() <= torch.finfo(dtype).eps


def test_cross_resolution_attention_follows_its_formula():
    torch.manual_seed(2)
    attention = CrossResolutionAttention(4, 0.1).double().eval()
    image, tokens = torch.randn(1, 4, 2, 3).double(), torch.randn(1, 8, 3, 3).double()
    with torch.no_grad():
        came = attention(image, tokens)[0].numpy()
    keys, values = tokens[0].numpy().reshape(2, 4, 9)
    for row, column in np.ndindex(2, 3):
        query = image[0, :, row, column].numpy() / np.sqrt(1 + 1e-5)
        weights = np.exp(query @ keys / 3)
        expected = values @ (weights / weights.sum())
        np.testing.assert_allclose(came[:, row, column], expected, rtol=1e-10)


def test_image_segmenter_normalises_and_decides_as_a_softmax_does():
    # Some weights are so steep that rounding of float32 alone exceeds the tolerance below.
    torch.manual_seed(0)
    network = build_rtformer('slim', 11, **TINY).eval()
    torch.nn.init.normal_(network.seghead.conv2.weight, std=0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 65, 97, 3), dtype=np.uint8)
    with torch.inference_mode():
        classes, confidence = ImageSegmenter(network)(torch.from_numpy(pixels))
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        normalised = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
        probability = F.softmax(network(torch.from_numpy(normalised)), dim=1)
    assert classes.dtype == confidence.dtype == torch.uint8
    assert (classes == probability.argmax(1)).float().mean().item() >= 0.9999
    expected = probability.amax(1) * 255
    assert (confidence - expected).abs().max().item() <= 0.51


def test_probabilities_of_far_apart_logits_stay_finite():
    logits = torch.tensor([1e4, -1e4, 0.0]).reshape(1, 3, 1, 1)
    winner, confidence = decide(logits)
    assert (winner.item(), confidence.item()) == (0, 255)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, rtformer_ros.network; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
