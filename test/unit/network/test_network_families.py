# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Another network is one module and one row: it is saved, recognised, exported and trained."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.fuse_batch_norms import fold_batch_norms
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import (
    build_from_checkpoint,
    build_network,
    build_rtformer,
    Checkpoint,
    FAMILIES,
    ImageSegmenter,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.weights.conversion import convert_weights
from rtformer_ros.training.optimizer import build_optimizer
from rtformer_ros.training.recipe import OptimizerRecipe
from rtformer_ros.training.run.initial_weights import initialize
import safetensors
import safetensors.torch
import torch
from torch import nn
from two_layer_network import TWO_LAYERS

PACKAGE = Path(__file__).resolve().parents[3] / 'rtformer_ros'
TABLE = (*FAMILIES, TWO_LAYERS)
SIZE = (45, 83)


def two_layers(num_classes=5, **options):
    """A network of the second family whose batch norms all do something."""
    torch.manual_seed(2)
    network = build_network('two_layers_wide', num_classes, families=TABLE, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
    nn.init.normal_(network.verdict.weight)
    nn.init.zeros_(network.verdict.bias)
    return network.eval()


def header_of(path):
    with safetensors.safe_open(path, framework='np') as file:
        return json.loads(file.metadata()['rtformer_ros'])


def images(count=2):
    return np.random.default_rng(3).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def test_networks_are_built_by_name():
    network = build_network('rtformer_slim', 3, base_channels=8, head_channels=8, aux_head=False)
    torch.manual_seed(0)
    expected = build_rtformer('slim', 3, base_channels=8, head_channels=8, aux_head=False)
    assert network.architecture == expected.architecture
    assert build_network('rtformer_base', 2, base_channels=8).architecture.variant == 'base'
    assert network.training
    assert two_layers(width=6).architecture.width == 6


@pytest.mark.parametrize(
    ('name', 'options', 'words'),
    [
        ('unet', {}, "no network 'unet'; expected one of: rtformer_slim, rtformer_base, ddr"),
        ('two_layers_wide', {}, "no network 'two_layers_wide'"),
        (
            'rtformer_slim',
            {'depth': 3},
            'no option depth; expected some of: cross_size, injection',
        ),
        ('rtformer_slim', {'cross_size': 0}, 'cross_size is 0'),
    ],
)
def test_unknown_networks_and_options_are_refused(name, options, words):
    with pytest.raises(ConfigError, match=words):
        build_network(name, 3, **options)


@pytest.mark.parametrize('has_header', [True, False])
def test_a_second_family_is_saved_and_recognised(tmp_path, has_header):
    network, path = two_layers(), tmp_path / 'second.safetensors'
    checkpoint = Checkpoint.of(network)
    if has_header:
        save_checkpoint(checkpoint, path)
        assert header_of(path)['family'] == 'two_layers'
    else:
        safetensors.torch.save_file(checkpoint.state, path)
    came = build_from_checkpoint(path, families=TABLE)
    assert type(came) is type(network)
    batch = torch.randn(2, 3, *SIZE)
    with torch.inference_mode():
        torch.testing.assert_close(came(batch), network(batch), rtol=0, atol=0)
    with pytest.raises(
        CheckpointError, match=r"'two_layers'; this version|no RTFormer or .* checkpoint"
    ):
        build_from_checkpoint(path)


def test_a_second_family_has_no_options_of_the_first(tmp_path):
    save_checkpoint(Checkpoint.of(two_layers()), tmp_path / 'second.safetensors')
    with pytest.raises(CheckpointError, match='Two Layers has no cross_size'):
        load_checkpoint(tmp_path / 'second.safetensors', cross_size=3, families=TABLE)


@pytest.mark.parametrize('aux_head', [True, False])
def test_folding_a_second_family_leaves_its_logits_as_they_were(aux_head):
    network = two_layers(aux_head=aux_head).double()
    result = fold_batch_norms(network)
    assert (result.folded, result.remaining) == (4, 0)
    batch = torch.randn(2, 3, *SIZE, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(result.network(batch), network(batch), rtol=1e-9, atol=1e-9)


def test_an_exported_second_family_computes_what_its_network_does(tmp_path):
    path = tmp_path / 'second.safetensors'
    save_checkpoint(Checkpoint.of(two_layers()), path)
    metadata = export_onnx(path, tmp_path / 'second.onnx', *SIZE, families=TABLE)
    assert metadata.variant == 'wide'
    session = onnxruntime.InferenceSession(
        tmp_path / 'second.onnx', providers=['CPUExecutionProvider']
    )
    class_map, confidence = session.run(['class_map', 'confidence'], {'image': images()})
    with torch.inference_mode():
        segmenter = ImageSegmenter(build_from_checkpoint(path, families=TABLE))
        expected = [each.numpy() for each in segmenter(torch.from_numpy(images()))]
    assert len(np.unique(expected[0])) >= 3
    assert (class_map == expected[0]).mean() >= 0.9999
    same = class_map == expected[0]
    assert np.abs(confidence.astype(int) - expected[1])[same].max() <= 1


def test_heads_of_a_second_family_learn_at_their_own_rate():
    network = two_layers()
    recipe = OptimizerRecipe(head_lr_factor=10, weight_decay=0.5, decay_norms=False)
    factors = {
        id(weight): (group['lr_factor'], group['weight_decay'])
        for group in build_optimizer(network, recipe).param_groups
        for weight in group['params']
    }
    came = {name: factors[id(weight)] for name, weight in network.named_parameters()}
    heads = {name for name, (factor, _) in came.items() if factor == 10}
    assert heads == {name for name in came if name.split('.')[0] in HEADS}
    assert came['squeeze.gate'] == (1, 0.5)
    assert came['entry.1.weight'] == (1, 0)


HEADS = ('surroundings', 'verdict', 'rehearsal')


def test_a_backbone_of_a_second_family_starts_a_training(tmp_path):
    trained, fresh = two_layers(7), two_layers(5)
    save_checkpoint(Checkpoint.of(trained), tmp_path / 'trained.safetensors')
    _, kept, _ = initialize(fresh, tmp_path / 'trained.safetensors')
    assert kept == [
        f'{head}.{kind}' for head in ('rehearsal', 'verdict') for kind in ('bias', 'weight')
    ]
    backbone = {k: v for k, v in Checkpoint.of(trained).state.items() if not k.startswith(HEADS)}
    safetensors.torch.save_file(backbone, tmp_path / 'raw.safetensors')
    target = tmp_path / 'backbone.safetensors'
    conversion = convert_weights(tmp_path / 'raw.safetensors', target, families=TABLE)
    assert (conversion.variant, conversion.num_classes) == ('wide', None)
    assert header_of(target)['family'] == 'two_layers'
    copied, kept, _ = initialize(fresh, target)
    assert copied == len(backbone)
    assert all(name.startswith(HEADS) for name in kept)
    with pytest.raises(CheckpointError, match='backbone without a segmentation head'):
        load_checkpoint(target, families=TABLE)


def test_files_say_their_family_and_old_ones_are_recognised_without(tmp_path):
    network = build_rtformer('slim', 3, base_channels=8, head_channels=8)
    path = tmp_path / 'new.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    header = header_of(path)
    assert header.pop('family') == 'rtformer'
    state = safetensors.torch.load_file(path)
    for changed, words in ((header, None), ({**header, 'family': 'unet'}, "family 'unet'; this")):
        old = tmp_path / 'old.safetensors'
        safetensors.torch.save_file(state, old, {'rtformer_ros': json.dumps(changed)})
        if words is None:
            assert load_checkpoint(old, families=TABLE).architecture == network.architecture
            continue
        with pytest.raises(CheckpointError, match=words):
            load_checkpoint(old, families=TABLE)


def test_layer_names_of_rtformer_stand_in_its_module_alone():
    names = ('seghead', "'spp", 'conv1.0', 'layer4', 'layer5', 'attn_l', 'cross_kv')
    # DDRNet, on whose outline RTFormer is built, calls some of its layers alike.
    home = PACKAGE / 'network' / 'families'
    allowed = {home / name for name in ('rtformer.py', 'rtformer_block.py', 'block_forms.py')}
    allowed |= {*(home / 'ddrnet').glob('*.py')}
    found = [
        (path.relative_to(PACKAGE), name)
        for path in sorted(PACKAGE.rglob('*.py'))
        for name in names
        if path not in allowed and name in path.read_text()
    ]
    assert found == []
