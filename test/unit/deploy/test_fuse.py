# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Folding batch norms changes no output."""

import numpy as np
import oracle
import pytest
from rtformer_ros.deploy.exportable import exportable
from rtformer_ros.deploy.fuse_batch_norms import fold_batch_norms
from rtformer_ros.network import build_rtformer, ImageSegmenter
import torch
from torch import nn


def random_network(variant, *, negative_scales):
    """A narrow network in float64 whose batch norms all do something."""
    torch.manual_seed(3)
    network = build_rtformer(variant, 5, base_channels=8, head_channels=8, cross_size=4)
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5 if negative_scales else 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
        if name.endswith('attn_l'):
            nn.init.normal_(module.k, std=0.3)
            nn.init.normal_(module.v, std=0.3)
    return network.double().eval()


# The pooling in front of keys and values commutes with its norm only if no scale is negative.
@pytest.mark.parametrize(
    ('variant', 'negative_scales', 'folded', 'remaining'),
    [('slim', False, 26, 23), ('slim', True, 24, 25), ('base', False, 25, 22)],
)
def test_folding_leaves_logits_as_they_were_up_to_the_border(
    variant, negative_scales, folded, remaining
):
    network = random_network(variant, negative_scales=negative_scales)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    result = fold_batch_norms(network)
    assert (result.folded, result.remaining) == (folded, remaining)
    images = torch.randn(2, 3, 97, 129, dtype=torch.float64)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(result.network(images), expected, rtol=1e-9, atol=1e-9)
    assert expected.std().item() > 0.01
    assert not result.network.training
    after = network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize('size', [(97, 129), (64, 64), (361, 483)])
def test_the_exportable_form_computes_what_the_network_does(size):
    network = random_network('slim', negative_scales=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels)
    with torch.inference_mode():
        expected = ImageSegmenter(network).double().logits(images)
        came = exportable(network, *size).double().logits(images)
    # The constants of the normalisation are float32.
    torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('variant', ['slim', 'base'])
def test_folded_networks_still_give_the_golden_output(variant):
    name = oracle.OUTPUT_FILES[variant]
    network = build_rtformer(variant, oracle.NUM_CLASSES)
    weights = oracle.reference_weights(variant)
    network.load_state_dict({oracle.our_key(k): torch.from_numpy(v) for k, v in weights.items()})
    with torch.inference_mode():
        images = torch.from_numpy(oracle.images(oracle.shape_in(name)))
        logits = fold_batch_norms(network).network(images)
    assert np.abs(logits[:, :, ::8, ::8].numpy() - oracle.load(name)['logits_s8']).max() <= 5e-5
