# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The Pale Transformer computes what an unofficial implementation computes, and its definition."""

import numpy as np
import oracle
import pytest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import (
    build_classifier,
    build_from_checkpoint,
    build_network,
    load_checkpoint,
)
from rtformer_ros.network.families.pale.block import PaleAttention, PaleBlock
import torch

GOLDEN = 'pale_t_unofficial_1x3x224x224.npz'
UNITS = {
    'attn': PaleAttention(64, heads=2, pale_size=7, momentum=0.1),
    'attn_s2': PaleAttention(32, heads=2, pale_size=2, momentum=0.1),
    'block': PaleBlock(64, heads=2, pale_size=7, drop_path_rate=0.0, momentum=0.1),
}


def reference_state(name, prefix=''):
    weights = oracle.weights_of(name)
    return {
        oracle.our_key(key.removeprefix(prefix)): torch.from_numpy(value)
        for key, value in weights.items()
        if key.startswith(prefix)
    }


@pytest.mark.parametrize('unit', UNITS)
def test_units_equal_those_of_the_implementation(unit):
    golden, network = oracle.load('pale_units_unofficial.npz'), UNITS[unit].eval()
    network.load_state_dict(reference_state('pale_units_unofficial', f'{unit}.'), strict=False)
    with torch.inference_mode():
        came = network(torch.from_numpy(oracle.images(tuple(golden[f'{unit}.in_shape']))))
    expected = golden[f'{unit}.out']
    np.testing.assert_allclose(oracle.sample(came.numpy(), 2048), expected, rtol=0, atol=5e-5)


def test_logits_and_stages_equal_those_of_the_implementation(tmp_path):
    torch.save(reference_state('pale_t_unofficial'), tmp_path / 'pale.pth')
    network = build_from_checkpoint(tmp_path / 'pale.pth')
    assert (network.family.task, network.architecture.variant) == ('classification', 't')
    golden = oracle.load(GOLDEN)
    images = torch.from_numpy(oracle.images(oracle.shape_in(GOLDEN)))
    with torch.inference_mode():
        stages, logits = network.scales(images), network(images)
    for number, stage in enumerate(stages, start=1):
        assert stage.shape == tuple(golden[f'shape_stage{number}'])
        expected = golden[f'mid_stage{number}']
        tolerance = 1e-5 * np.abs(expected).max()
        came = oracle.sample(stage.numpy(), 4096)
        np.testing.assert_allclose(came, expected, rtol=0, atol=tolerance)
    expected = golden['logits']
    assert np.abs(logits.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


def test_attention_sees_the_rows_and_columns_of_a_pale():
    """A pixel of another group of rows and columns changes nothing, one of the same does."""
    torch.manual_seed(2)
    network = PaleAttention(4, heads=1, pale_size=2, momentum=0.1).double().eval()
    # Without its neighbourhood, which the convolutions in front would bring in.
    for each in network.qkv:
        torch.nn.init.zeros_(each.dw.weight)
        each.dw.weight.data[:, :, 1, 1] = 1
    image = torch.randn(1, 4, 6, 8, dtype=torch.float64)
    row, column, row_groups, column_groups = 1, 2, 3, 4
    with torch.no_grad():
        before = network(image)
        changed = image.clone()
        changed[0, :, row, column] += 1
        moved = (network(changed) - before).abs().amax(dim=(0, 1)) > 1e-12
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing='ij')
    in_pale = (rows % row_groups == row) | (columns % column_groups == column)
    assert torch.equal(moved, in_pale)


# The sizes published are 22 M, 48 M and 85 M.
@pytest.mark.parametrize(('name', 'count'), [('t', 21_762_280), ('s', 48_328_552),
                                             ('b', 85_351_912)])  # fmt: skip
def test_parameter_counts_are_those_of_the_implementation(name, count):
    with torch.device('meta'):
        network = build_classifier(f'pale_{name}')
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'base_channels': 6}, 'base_channels is 6; expected a multiple of 4'),
        ({'heads': 0}, 'heads is 0'),
        ({'pale_size': 65}, 'pale_size is 65; expected a whole number, 1 to 64'),
        ({'depths': (1,)}, 'depths is'),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        build_network('pale_t', 3, **options)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'ps_blocks.2.15.cpe.bias': None}, r"lacks 'ps_blocks\.2\.15\.cpe\.bias' and"),
        ({'patch_merg_convs.0.weight': torch.zeros(48, 3, 7, 7)}, '48 channels; expected 64'),
        ({'proj.weight': None}, 'backbone without a segmentation head'),
    ],
)
def test_damaged_weights_are_refused_by_name(tmp_path, changes, words):
    state = {**reference_state('pale_t_unofficial'), **changes}
    torch.save({k: v for k, v in state.items() if v is not None}, tmp_path / 'pale.pth')
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(tmp_path / 'pale.pth', task=None)
