# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for trained weights is reproducible, compresses well and shows many classes."""

from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import pytest
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.network import ImageSegmenter, load_checkpoint
from rtformer_ros.tools.random_checkpoint import random_checkpoint
import torch

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / 'samples' / 'leuven_a.jpg'
LABELS = ROOT / 'config' / 'labels' / 'camvid.yaml'


def photo():
    return np.ascontiguousarray(cv2.imread(str(PHOTO))[..., ::-1])


@pytest.fixture(scope='module')
def checkpoint():
    return random_checkpoint('slim', load_labels(LABELS), photo())


def test_weights_have_two_values_and_depend_on_the_seed_alone(checkpoint):
    again = random_checkpoint('slim', load_labels(LABELS), photo())
    other = random_checkpoint('slim', load_labels(LABELS), photo(), seed=1)
    for key, weights in checkpoint.state.items():
        assert torch.equal(weights, again.state[key])
        if weights.ndim == 4 and not key.startswith('seghead.conv2'):
            assert len(weights.unique()) == 2
            assert not torch.equal(weights, other.state[key])


def test_no_class_covers_the_photograph(checkpoint):
    with torch.inference_mode():
        classes, _ = ImageSegmenter(checkpoint.build())(torch.from_numpy(photo())[None])
    shares = np.bincount(classes.numpy().ravel(), minlength=11) / classes.numel()
    assert shares.max() < 0.6
    assert np.sum(shares > 0.005) >= 6


def test_the_command_line_writes_a_checkpoint_that_says_what_it_is(tmp_path, checkpoint):
    path = tmp_path / 'random.safetensors'
    command = [sys.executable, '-m', 'rtformer_ros.tools.random_checkpoint', path]
    command += ['--labels', LABELS, '--photo', PHOTO]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
    written = load_checkpoint(path)
    assert written.notes['description'] == 'untrained: random weights'
    assert written.labels == load_labels(LABELS)
    assert all(torch.equal(written.state[key], value) for key, value in checkpoint.state.items())


@pytest.mark.parametrize(
    'arguments', [['--photo', 'none.jpg'], ['--photo', PHOTO, '--seed', '-1']]
)
def test_the_command_line_answers_mistakes_in_one_line(tmp_path, arguments):
    command = [sys.executable, '-m', 'rtformer_ros.tools.random_checkpoint']
    command += [tmp_path / 'random.safetensors', '--labels', LABELS, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith('random_checkpoint: ')
    assert done.stderr.count('\n') == 1
    assert not list(tmp_path.iterdir())
