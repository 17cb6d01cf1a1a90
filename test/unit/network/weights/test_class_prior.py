# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The class prior moves a class's logits by tau * log(its share), here and in exported files."""

from functools import partial
import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import (
    build_rtformer,
    Checkpoint,
    ImageSegmenter,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.weights.class_prior import LEAST_SHARE, with_class_prior
import safetensors.torch
import torch

SHARES = (0.55, 0.25, 0.1499, 0.0001, 0.05)
SIZE = (64, 96)


@pytest.fixture(scope='module')
def checkpoint():
    torch.manual_seed(6)
    network = build_rtformer('slim', 5, base_channels=8, head_channels=8)
    torch.nn.init.normal_(network.seghead.conv2.weight, std=0.02)
    return Checkpoint.of(network, class_shares=SHARES)


def images():
    return np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)


def logits_of(checkpoint):
    with torch.inference_mode():
        return ImageSegmenter(checkpoint.build()).logits(torch.from_numpy(images())).numpy()


def logits_of_onnx(path):
    """What the exported graph decides on: the input of its ArgMax."""
    model = onnx.load(path)
    [decided] = [node.input[0] for node in model.graph.node if node.op_type == 'ArgMax']
    model.graph.output.append(onnx.helper.make_tensor_value_info(decided, 1, None))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run([decided], {'image': images()})[0]


@pytest.mark.parametrize('tau', [0.3, 1.0])
def test_exported_logits_are_those_of_the_network_plus_the_prior(tmp_path, checkpoint, tau):
    save_checkpoint(checkpoint, tmp_path / 'w.safetensors')
    metadata = export_onnx(
        tmp_path / 'w.safetensors', tmp_path / 'prior.onnx', *SIZE, prior_tau=tau
    )
    expected = logits_of(checkpoint) + tau * np.log(np.array(SHARES)).reshape(1, 5, 1, 1)
    np.testing.assert_allclose(
        logits_of_onnx(tmp_path / 'prior.onnx'), expected, rtol=0, atol=1e-4
    )
    assert metadata.description == f'class prior with tau {tau:g}'


def test_probabilities_are_multiplied_by_powers_of_the_shares(checkpoint):
    plain, moved = (
        torch.from_numpy(logits_of(each)).double().softmax(dim=1)
        for each in (checkpoint, with_class_prior(checkpoint, 0.3))
    )
    product = plain * (torch.tensor(SHARES, dtype=torch.float64) ** 0.3).reshape(1, 5, 1, 1)
    torch.testing.assert_close(moved, product / product.sum(1, keepdim=True), rtol=1e-4, atol=1e-7)
    rare = (moved.argmax(1) == 3).sum(), (plain.argmax(1) == 3).sum()
    assert rare[0] < rare[1]


def test_tau_of_0_leaves_the_file_as_it_was(tmp_path, checkpoint):
    save_checkpoint(checkpoint, tmp_path / 'w.safetensors')
    for name, options in (('a', {}), ('b', {'prior_tau': 0.0, 'class_shares': (1, 2)})):
        export_onnx(tmp_path / 'w.safetensors', tmp_path / f'{name}.onnx', *SIZE, **options)
    assert (tmp_path / 'a.onnx').read_bytes() == (tmp_path / 'b.onnx').read_bytes()
    assert with_class_prior(checkpoint, 0) is checkpoint


def test_shares_given_come_before_those_of_the_weights(checkpoint):
    even = with_class_prior(checkpoint, 0.5, (0.2,) * 5)
    expected = logits_of(checkpoint) + 0.5 * np.log(0.2)
    np.testing.assert_allclose(logits_of(even), expected, rtol=0, atol=1e-5)
    assert even.notes['prior_tau'] == '0.5'
    assert 'prior_tau' not in checkpoint.notes


def test_classes_that_training_lacked_become_unlikely_and_stay_finite(checkpoint):
    moved = logits_of(with_class_prior(checkpoint, 1.0, (0.5, 0.5, 0, 0, 0)))
    difference = (moved - logits_of(checkpoint))[:, 2:]
    np.testing.assert_allclose(difference, np.log(LEAST_SHARE), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ('tau', 'shares', 'words'),
    [
        (-0.1, SHARES, 'tau is -0.1; expected 0 or more'),
        (float('nan'), SHARES, 'tau is nan'),
        (0.3, (0.5, 0.5), 'shares of 2 classes; expected 5'),
    ],
)
def test_priors_that_cannot_be_are_refused(checkpoint, tau, shares, words):
    with pytest.raises(ConfigError, match=words):
        with_class_prior(checkpoint, tau, shares)


def test_weights_without_shares_ask_for_them(checkpoint):
    without = Checkpoint.of(checkpoint.build())
    with pytest.raises(ConfigError, match='give the shares of the classes'):
        with_class_prior(without, 0.3)


def test_shares_survive_their_file(tmp_path, checkpoint):
    save_checkpoint(checkpoint, tmp_path / 'w.safetensors')
    assert load_checkpoint(tmp_path / 'w.safetensors').class_shares == SHARES


def test_the_command_line_takes_shares_that_the_weights_lack(tmp_path, checkpoint):
    weights, shares = tmp_path / 'w.safetensors', tmp_path / 'shares.json'
    save_checkpoint(Checkpoint.of(checkpoint.build()), weights)
    shares.write_text(json.dumps(SHARES))
    export_onnx(weights, tmp_path / 'a.onnx', *SIZE, prior_tau=0.3, class_shares=SHARES)
    command = [sys.executable, '-m', 'rtformer_ros.tools.export', weights, tmp_path / 'b.onnx']
    command += ['--height', SIZE[0], '--width', SIZE[1], '--prior-tau', 0.3]
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    refused = run([*map(str, command)])
    assert (refused.returncode, 'give the shares of the classes' in refused.stderr) == (1, True)
    done = run([*map(str, command), '--class-shares', str(shares)])
    assert (done.returncode, done.stderr) == (0, '')
    assert (tmp_path / 'a.onnx').read_bytes() == (tmp_path / 'b.onnx').read_bytes()


@pytest.mark.parametrize(
    ('shares', 'words'),
    [
        ([0.5, 0.5], 'no list of 5 numbers'),
        ('abcde', 'no list of 5 numbers'),
        ([1, 1, 1, 1, 1], 'add up to 5'),
        ([2, -1, 0, 0, 0], 'expected shares'),
    ],
)
def test_broken_shares_are_refused(tmp_path, checkpoint, shares, words):
    header = {'family': 'rtformer', 'class_shares': shares}
    path = tmp_path / 'w.safetensors'
    state = build_rtformer('slim', 5).state_dict()
    safetensors.torch.save_file(state, path, {'rtformer_ros': json.dumps(header)})
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)
