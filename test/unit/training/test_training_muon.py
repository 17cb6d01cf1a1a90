# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check Muon's steps against singular vectors by NumPy and against AdamW alone."""

import copy

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.network import build_rtformer
from rtformer_ros.training.learner import Learner
from rtformer_ros.training.optimizer import build_optimizer, set_lr
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe import OptimizerRecipe, Recipe
import torch
from torch.optim import AdamW
from training_brightness import Brightness

LR, FACTOR, DECAY = 1e-3, 3.0, 0.5
MUON = OptimizerRecipe(
    'muon', lr=LR, weight_decay=DECAY, head_lr_factor=2.0, muon_lr_factor=FACTOR
)


def network_with_gradients(memory_format):
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8).to(
        memory_format=memory_format
    )
    generator = torch.Generator().manual_seed(3)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator).to(
            memory_format=memory_format if weight.ndim == 4 else torch.contiguous_format
        )
    return network


def weights_of(network):
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def as_rows(values):
    return values.numpy().astype(np.float64).reshape(len(values), -1)


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    'name', ['layer3.1.conv1.weight', 'layer2.0.downsample.0.weight', 'seghead.conv1.weight']
)
def test_a_kernel_moves_alike_along_all_singular_vectors_of_its_gradient(name, memory_format):
    network = network_with_gradients(memory_format)
    before, gradient = weights_of(network)[name], dict(network.named_parameters())[name].grad
    optimizer = build_optimizer(network, MUON)
    set_lr(optimizer, LR)
    optimizer.step()
    lr = LR * FACTOR * (2.0 if name.startswith('seghead') else 1.0)
    moved = as_rows(weights_of(network)[name]) - as_rows(before) * (1 - lr * DECAY)
    u, _, vt = np.linalg.svd(as_rows(gradient), full_matrices=False)
    lengths = u.T @ -moved @ vt.T / (0.2 * lr * np.sqrt(max(moved.shape)))
    # Five or three iterations bring singular values near 1, not to it.
    assert np.diag(lengths) == pytest.approx(np.ones(len(lengths)), abs=0.5)
    assert np.abs(lengths - np.diag(np.diag(lengths))).max() < 0.05
    # All that moved lies along these vectors.
    assert np.linalg.norm(moved) ** 2 == pytest.approx(
        np.linalg.norm(u.T @ moved @ vt.T) ** 2, rel=0.01
    )


def test_what_is_no_kernel_moves_as_by_adamw_alone():
    network = network_with_gradients(torch.channels_last)
    alone = copy.deepcopy(network)
    for weight, other in zip(network.parameters(), alone.parameters(), strict=True):
        other.grad = weight.grad.clone()
    optimizer, adamw = (
        build_optimizer(network, MUON),
        AdamW(alone.parameters(), weight_decay=DECAY),
    )
    before = weights_of(network)
    for group in optimizer.param_groups:
        # Rates of heads differ, those of kernels too; here only who steps what is asked.
        group['lr'] = LR
    for _ in range(2):
        optimizer.step()
        adamw.step()
    came, expected = weights_of(network), weights_of(alone)
    same = {name for name in came if torch.allclose(came[name], expected[name], atol=1e-7)}
    outputs = {'seghead.conv2.weight', 'seghead_extra.conv2.weight'}
    assert came.keys() - same == {name for name in came if came[name].ndim == 4} - outputs
    assert not any(torch.equal(came[name], before[name]) for name in came)


def learner(kind):
    torch.manual_seed(1)
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    recipe = Recipe(batch_size=2, precision='fp32', optimizer=OptimizerRecipe(kind))
    return Learner(network, recipe, Brightness(), ProcessGroup())


IMAGES = torch.arange(2 * 64 * 64 * 3).reshape(2, 64, 64, 3).to(torch.uint8)


def losses(of, steps):
    return [of.learn(IMAGES, torch.tensor([0, 1]), step) for step in steps]


def test_a_run_goes_on_as_if_it_had_not_stopped():
    unbroken, stopped, resumed = learner('muon'), learner('muon'), learner('muon')
    expected = losses(unbroken, range(6))
    assert losses(stopped, range(3)) == expected[:3]
    resumed.restore(copy.deepcopy(stopped.state()))
    assert losses(resumed, range(3, 6)) == expected[3:]


@pytest.mark.parametrize(('before', 'after'), [('adamw', 'muon'), ('muon', 'adamw')])
def test_a_run_cannot_go_on_with_another_kind_of_optimiser(before, after):
    with pytest.raises(ConfigError, match=f"not trained with optimizer.kind '{after}'; leave"):
        learner(after).restore(learner(before).state())


def test_a_pytorch_without_muon_is_said(monkeypatch):
    monkeypatch.delattr(torch.optim, 'Muon')
    with pytest.raises(ConfigError, match=r'since 2.9; this is .*--set optimizer.kind=adamw'):
        build_optimizer(network_with_gradients(torch.channels_last), MUON)
