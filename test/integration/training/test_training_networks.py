# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks of other families, and a neck, are trained from other weights, and scored."""

from dataclasses import asdict
from pathlib import Path

import pytest
from rtformer_ros.network import (
    build_classifier,
    build_network,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.tools.evaluate.__main__ import main as evaluate
from rtformer_ros.tools.train.__main__ import main as train
import torch
from training_scenes import SCENES, write_scenes
import yaml

RECIPE = {
    'batch_size': 2,
    'steps': 2,
    # What a network lacks is left out.
    'network': {
        'base_channels': 16,
        'head_channels': 8,
        'cross_size': 8,
        'convention': 'paddleseg',
        'depths': [1, 1, 1, 1],
    },
    'crop': {'height': 32, 'width': 64},
    'validate_every': 2,
    'precision': 'fp32',
}


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('ddrnet23_slim', {'convention': 'paddleseg'}),
        ('mixformer_b0', {'depths': (1, 1, 1, 1)}),
        ('pale_t', {'depths': (1, 1, 1, 1)}),
    ],
)
def test_a_network_is_trained_and_scored(name: str, shown: dict, tmp_path: Path) -> None:
    data = write_scenes(tmp_path / 'data')
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(RECIPE))
    labels = tmp_path / 'labels.yaml'
    labels.write_text(yaml.safe_dump(SCENES.to_dict()))
    torch.manual_seed(0)
    classifier = {'base_channels': 16, **({'depths': (1, 1, 1, 1)} if 'depths' in shown else {})}
    init = tmp_path / 'classifier.safetensors'
    save_checkpoint(Checkpoint.of(build_classifier(name, 10, **classifier)), init)
    output = tmp_path / 'run'
    where = ['--dataset', 'folder', '--root', str(data), '--labels', str(labels)]
    how = ['--recipe', str(tmp_path / 'recipe.yaml'), '--init', str(init), '--device', 'cpu']
    assert train([*where, *how, '--network', name, '--output', str(output)]) == 0
    weights = output / 'best.safetensors'
    checkpoint = load_checkpoint(weights)
    assert checkpoint.family.variants[name] == checkpoint.variant
    settings = asdict(checkpoint.architecture)
    assert {**settings, **shown, 'base_channels': 16, 'head_channels': 8} == settings
    assert checkpoint.labels.names == SCENES.names
    assert evaluate([*where, '--model', str(weights), '--size', '64x96']) == 0


def test_a_neck_is_trained_on_top_of_a_plain_checkpoint(tmp_path: Path) -> None:
    data = write_scenes(tmp_path / 'data')
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(RECIPE))
    labels = tmp_path / 'labels.yaml'
    labels.write_text(yaml.safe_dump(SCENES.to_dict()))
    torch.manual_seed(0)
    plain = build_network('rtformer_slim', len(SCENES), base_channels=8, head_channels=8)
    init, output = tmp_path / 'plain.safetensors', tmp_path / 'run'
    save_checkpoint(Checkpoint.of(plain), init)
    where = ['--dataset', 'folder', '--root', str(data), '--labels', str(labels)]
    how = ['--recipe', str(tmp_path / 'recipe.yaml'), '--init', str(init), '--device', 'cpu']
    for change in ('network.boundary=sdn', 'network.base_channels=8', 'schedule.warmup_steps=0'):
        how += ['--set', change]
    assert train([*where, *how, '--network', 'rtformer_slim', '--output', str(output)]) == 0
    trained = load_checkpoint(output / 'best.safetensors')
    assert trained.architecture.boundary == 'sdn'
    # It began with 0, where the neck does nothing.
    assert trained.state['sdn.fusion.1.weight'].any()
    model = ['--model', str(output / 'best.safetensors'), '--size', '64x96', '--boundary']
    assert evaluate([*where, *model]) == 0
