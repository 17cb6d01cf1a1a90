# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what is learnt from, moving average, optimiser, initial weights, the clock of steps."""

import numpy as np
import pytest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import build_rtformer
from rtformer_ros.network.family import HeadLogits
from rtformer_ros.training.learner import autocast_dtype, Learner
from rtformer_ros.training.optimizer import build_optimizer, MovingAverage, set_lr
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe import OptimizerRecipe, Recipe
from rtformer_ros.training.run.initial_weights import initialize
from rtformer_ros.training.run.step_clock import StepClock
from safetensors.torch import save_file
import torch
from torch import nn
import torch.nn.functional as F
from training_brightness import Brightness

CPU = torch.device('cpu')


def small_network(classes=4):
    return build_rtformer('slim', classes, base_channels=8, head_channels=8)


def test_moving_average_is_the_weighted_sum_of_all_weights():
    network, decay = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), 0.9
    average = MovingAverage(network, decay)
    expected = network[0].weight.detach().numpy().copy()
    for step in range(60):
        with torch.no_grad():
            network[0].weight.copy_(torch.full((2, 2), float(step)))
            network[1].num_batches_tracked += 1
        average.update(network, step)
        kept = min(decay, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * step
    assert average.network[0].weight.numpy() == pytest.approx(expected, rel=1e-5)
    assert int(average.network[1].num_batches_tracked) == 60
    assert not average.network.training


def test_no_moving_average_is_the_network_itself():
    network = nn.Linear(2, 2)
    average = MovingAverage(network, 0.0)
    with torch.no_grad():
        network.weight.add_(1)
    average.update(network, 0)
    assert torch.equal(average.network.weight, network.weight)


def test_what_is_learnt_from_is_what_the_network_says_before_it_is_enlarged():
    network = small_network().train()
    images = torch.randn(2, 3, 72, 100, generator=torch.Generator().manual_seed(1))
    outputs = []
    for model in (HeadLogits(network), network):
        # Both drop the same branches.
        torch.manual_seed(2)
        outputs.append(model(images))
    heads, whole = outputs
    for small, full in zip(heads, whole, strict=True):
        assert small.shape[2:] == (9, 13)
        enlarged = F.interpolate(small, size=(72, 100), mode='bilinear', align_corners=False)
        assert torch.equal(enlarged, full)


def test_a_run_of_an_older_version_goes_on_with_the_settings_of_this_one():
    recipe = Recipe(batch_size=2, precision='fp32')
    learner = Learner(small_network(), recipe, Brightness(), ProcessGroup())
    images = torch.arange(2 * 64 * 64 * 3).reshape(2, 64, 64, 3).to(torch.uint8)
    learner.learn(images, torch.tensor([0, 1]), 0)
    state = learner.state()
    for group in state['optimizer']['param_groups']:
        group.update(fused=None, foreach=None, weight_decay=7.0, lr_factor=9.0)
    learner.restore(state)
    groups = learner.optimizer.param_groups
    assert {(group['fused'], group['weight_decay']) for group in groups} == {(True, 0.0125)}
    assert {group['lr_factor'] for group in groups} == {1.0, recipe.optimizer.head_lr_factor}
    assert np.isfinite(learner.learn(images, torch.tensor([0, 1]), 1))


def test_a_batch_of_one_image_is_refused_with_what_to_set():
    network = small_network().train()
    with pytest.raises(ConfigError, match='--batch-size to 2 or more'):
        network(torch.zeros(1, 3, 64, 64))


def test_heads_learn_faster_and_norms_keep_their_size():
    network = small_network()
    recipe = OptimizerRecipe(lr=0.1, head_lr_factor=10, weight_decay=0.5, decay_norms=False)
    optimizer = build_optimizer(network, recipe)
    set_lr(optimizer, 0.01)
    lr, decay = {}, {}
    for group in optimizer.param_groups:
        for weight in group['params']:
            lr[id(weight)], decay[id(weight)] = group['lr'], group['weight_decay']
    weights = dict(network.named_parameters())
    assert len(lr) == len(weights)
    assert lr[id(weights['seghead.conv2.weight'])] == pytest.approx(0.1)
    assert lr[id(weights['spp.compression.2.weight'])] == pytest.approx(0.1)
    assert lr[id(weights['layer5.attn_l.k'])] == pytest.approx(0.01)
    assert decay[id(weights['layer5.attn_l.k'])] == 0.5
    assert decay[id(weights['seghead.bn1.weight'])] == 0
    assert decay[id(weights['seghead.conv2.bias'])] == 0
    published = build_optimizer(network, OptimizerRecipe())
    assert {group['weight_decay'] for group in published.param_groups} == {0.0125}


def test_initial_weights_leave_heads_of_other_classes_fresh(tmp_path):
    trained, network = small_network(7), small_network(4)
    save_file(trained.state_dict(), tmp_path / 'w.safetensors')
    copied, fresh, _ = initialize(network, tmp_path / 'w.safetensors')
    assert fresh == [
        f'{head}.conv2.{kind}'
        for head in ('seghead', 'seghead_extra')
        for kind in ('bias', 'weight')
    ]
    own = network.state_dict()
    assert copied == sum(not k.endswith('num_batches_tracked') for k in own) - 4
    assert all(
        torch.equal(value, trained.state_dict()[key])
        for key, value in own.items()
        if key not in fresh
    )


def test_backbone_alone_is_enough(tmp_path):
    trained = small_network()
    state = {k: v for k, v in trained.state_dict().items() if not k.startswith(('seg', 'spp'))}
    save_file(state, tmp_path / 'backbone.safetensors')
    network = small_network()
    _, fresh, _ = initialize(network, tmp_path / 'backbone.safetensors')
    assert fresh
    assert all(name.startswith(('seghead', 'spp.')) for name in fresh)
    assert torch.equal(network.layer5.attn_l.k, trained.layer5.attn_l.k)


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({'conv1.0.weight': torch.zeros(8, 3, 3, 3)}, tmp_path / 'w.safetensors')
    with pytest.raises(CheckpointError, match=r'only 1 of the .* weights of RTFormer slim'):
        initialize(small_network(), tmp_path / 'w.safetensors')
    (tmp_path / 'w.safetensors').write_bytes(b'123')
    with pytest.raises(CheckpointError, match='cut short'):
        initialize(small_network(), tmp_path / 'w.safetensors')


def test_precision_follows_recipe_and_device():
    assert autocast_dtype('fp32', CPU) is torch.float32
    assert autocast_dtype('bf16', CPU) is torch.bfloat16
    assert autocast_dtype('auto', CPU) in (torch.float32, torch.bfloat16)
    assert autocast_dtype('fp16', torch.device('cuda')) is torch.float16
    with pytest.raises(ConfigError, match=r'fp16.*on a CPU'):
        autocast_dtype('fp16', CPU)


@pytest.mark.parametrize(
    ('wait_s', 'learn_s', 'is_starved'), [(0.4, 0.6, True), (0.1, 0.9, False)]
)
def test_clock_notices_starved_training(monkeypatch, wait_s, learn_s, is_starved):
    now = [100.0]
    monkeypatch.setattr('rtformer_ros.training.run.step_clock.time.monotonic', lambda: now[0])
    clock = StepClock()
    states = []
    for _ in range(60):
        now[0] += wait_s
        clock.batch_came()
        now[0] += learn_s
        clock.step_taken()
        states.append(clock.is_starved)
        now[0] += 3
        clock.restart()
    assert not any(states[:49])
    assert states[-1] == is_starved
    assert clock.waiting_share == pytest.approx(wait_s)
    assert clock.steps_per_s == pytest.approx(1)
    assert np.isfinite(clock.steps_per_s)
