# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run the training tool: stopped and resumed, alone and in two processes, and given bad things."""

import csv
import os
from pathlib import Path
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from rtformer_ros.network import load_checkpoint
import torch
from training_scenes import scene, SCENES, write_picture, write_scenes
import yaml

TOOL = 'rtformer_ros.tools.train'
# Sharing two cores, spinning threads would only be in each other's way.
ENVIRONMENT = os.environ | {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
RECIPE = {
    'steps': 8,
    'batch_size': 4,
    'validate_every': 6,
    'save_every': 100,
    'precision': 'fp32',
    'network': {'base_channels': 8, 'head_channels': 8, 'drop_path_rate': 0.2},
    'optimizer': {'lr': 2e-3, 'head_lr_factor': 2, 'clip_norm': 1.0, 'decay_norms': False},
    'schedule': {'warmup_steps': 4},
    'loss': {'label_smoothing': 0.1, 'class_weight_power': 0.5, 'stride': 2},
    'crop': {'height': 48, 'width': 64, 'focus_chance': 0.5, 'rotation_deg': 5},
    'color': {'hue_deg': 20, 'class_chance': 0.3},
    'weather': {'noise_chance': 0.5, 'rain_chance': 0.3},
    'copy_paste': {'chance': 0.5, 'classes': ['post']},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / 'labels.yaml').write_text(yaml.safe_dump(SCENES.to_dict()))
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(RECIPE))
    return write_scenes(tmp_path / 'data')


def start(data: Path, output: Path, *more: str, launcher: tuple[str, ...] = ()) -> list[str]:
    """Return the command that starts a run."""
    folder = data.parent
    options = ['--dataset', 'folder', '--root', data, '--labels', folder / 'labels.yaml']
    options += ['--recipe', folder / 'recipe.yaml', '--output', output, '--device', 'cpu', *more]
    return [sys.executable, *launcher, '-m', TOOL, *map(str, options)]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=150, env=ENVIRONMENT, check=False
    )


def trained(command: list[str], output: Path) -> list[float]:
    done = run(command)
    assert done.returncode == 0, done.stderr
    return losses(output)


def losses(output: Path) -> list[float]:
    """Return the loss of each step; of a step that was taken twice, the later one."""
    with (output / 'steps.csv').open() as file:
        by_step = {int(row['step']): float(row['loss']) for row in csv.DictReader(file)}
    assert list(by_step) == list(range(1, len(by_step) + 1))
    return list(by_step.values())


@pytest.mark.parametrize('kind', ['adamw', 'muon'])
def test_resumed_run_equals_an_unbroken_one(data: Path, tmp_path: Path, kind: str) -> None:
    # Steps enough for the signal to come before the last one.
    more = ('--steps', '20', '--batch-size', '2', '--set', f'optimizer.kind={kind}')
    unbroken = trained(start(data, tmp_path / 'a', *more, '--workers', '0'), tmp_path / 'a')
    stopped = tmp_path / 'b'
    command = start(data, stopped, *more, '--workers', '2')
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    wait_for_steps(stopped, 2, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    steps_before = len(losses(stopped))
    assert 2 <= steps_before < 20, 'SIGTERM came too late to test anything'
    assert f'stopped after step {steps_before}; go on with --resume' in errors
    resume = [sys.executable, '-m', TOOL, '--output', str(stopped), '--resume', '--device', 'cpu']
    other = run([*resume, '--variant', 'base'])
    assert (other.returncode, 'has slim; leave --variant out' in other.stderr) == (1, True)
    another = 'muon' if kind == 'adamw' else 'adamw'
    other = run([*resume, '--set', f'optimizer.kind={another}'])
    refused = f"was not trained with optimizer.kind '{another}'; leave that out"
    assert (other.returncode, refused in other.stderr) == (1, True), other.stderr
    assert trained(resume, stopped) == unbroken
    assert len(unbroken) == 20
    states = [
        load_checkpoint(folder / 'last.safetensors').state for folder in (tmp_path / 'a', stopped)
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def wait_for_steps(output: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 100
    while not (output / 'steps.csv').exists() or len(losses(output)) < count:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, 'no step in time'
        time.sleep(0.005)


def test_two_processes_equal_one(data: Path, tmp_path: Path) -> None:
    # Residual branches are dropped by random numbers of each process, hence without. The steps
    # are small, because AdamW blows the rounding of tiny gradients up to whole steps; gradients
    # keep their length, so that a wrong factor shows in AdamW's averages.
    same = ['--set', 'network.drop_path_rate=0', '--set', 'optimizer.clip_norm=0', '--lr', '2e-4']
    alone = trained(start(data, tmp_path / 'one', *same), tmp_path / 'one')
    launcher = ('-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2')
    together = trained(start(data, tmp_path / 'two', *same, launcher=launcher), tmp_path / 'two')
    assert len(together) == RECIPE['steps']
    assert together[0] == pytest.approx(alone[0], rel=1e-6)
    assert together[:4] == pytest.approx(alone[:4], rel=1e-4)
    assert together == pytest.approx(alone, rel=1e-3)
    one, two = (torch.load(tmp_path / name / 'state.pt') for name in ('one', 'two'))
    for kind in ('exp_avg', 'exp_avg_sq'):
        norms = [gradient_norms(state['learner']['optimizer'], kind) for state in (one, two)]
        assert norms[1] == pytest.approx(norms[0], rel=0.1)
    for key, value in one['learner']['network'].items():
        if 'running' in key:
            torch.testing.assert_close(two['learner']['network'][key], value, rtol=2e-2, atol=2e-3)


def gradient_norms(optimizer: dict, kind: str) -> list[float]:
    """Return the lengths of AdamW's averages, one for each convolution."""
    averages = [state[kind] for state in optimizer['state'].values() if state[kind].ndim == 4]
    return [float(average.norm()) for average in averages]


def test_run_leaves_tables_pictures_and_weights(data: Path, tmp_path: Path) -> None:
    output = tmp_path / 'my run'
    command = start(data, output, '--epochs', '2.5', '--crop', '32x64', '--lr', '1e-3')
    done = run([*command, '--batch-size', '2', '--set', 'loss.aux_weight=0'])
    assert done.returncode == 0, done.stderr
    assert 'recipe: steps: 8 -> 7' in done.stderr
    assert 'recipe: optimizer.lr: 0.002 -> 0.001' in done.stderr
    assert 'images/s' in done.stderr
    [export] = [line for line in done.stderr.splitlines() if ' export ' in line]
    assert str(output / 'best.safetensors') in shlex.split(export)
    for name in ('run.yaml', 'state.pt', 'crops.png', 'val.png', 'best.safetensors'):
        assert (output / name).stat().st_size > 0
    assert list((output / 'tensorboard').iterdir())
    with (output / 'validation.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['step'] for row in rows] == ['6', '7']
    assert {'mean_iou', 'pixel_accuracy', *SCENES.names} <= set(rows[0])
    again = run(start(data, output))
    assert again.returncode == 1
    assert 'holds a run already; give --resume' in again.stderr


def test_a_split_file_decides_what_is_trained_on_and_scored(data: Path, tmp_path: Path) -> None:
    split = {'train': ['train/images/scene_[0-2]'], 'val': ['train/images/scene_4', 'val/']}
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump(split))
    output = tmp_path / 'run'
    more = ('--split', str(tmp_path / 'mine.yaml'), '--steps', '2', '--network', 'rtformer_base')
    done = run(start(data, output, *more))
    assert done.returncode == 0, done.stderr
    assert 'RTFormer base on scenes train of mine' in done.stderr
    checkpoint = load_checkpoint(output / 'last.safetensors')
    assert checkpoint.notes['dataset'] == 'scenes train of mine'
    counts = sum(np.bincount(scene(seed)[1].ravel(), minlength=4) for seed in range(3))
    assert checkpoint.class_shares == pytest.approx(counts / counts.sum())
    resume = [sys.executable, '-m', TOOL, '--output', str(output), '--resume', '--device', 'cpu']
    other = run([*resume, '--split', 'camvid_0001TP'])
    assert (other.returncode, '--split cannot be changed' in other.stderr) == (1, True)
    assert len(trained([*resume, '--steps', '4'], output)) == 4
    assert yaml.safe_load((output / 'run.yaml').read_text())['split'] == {'name': 'mine', **split}


def test_images_that_are_trained_on_and_scored_are_counted(data: Path, tmp_path: Path) -> None:
    (tmp_path / 'both.yaml').write_text("train: ['*']\nval: [val/]\n")
    done = run(start(data, tmp_path / 'a', '--split', str(tmp_path / 'both.yaml'), '--steps', '1'))
    assert done.returncode == 0, done.stderr
    assert '2 of the 2 images of scenes val of both are trained on too' in done.stderr


@pytest.mark.parametrize('split', ['train', 'val'])
def test_labels_of_nothing_but_left_out_ids_are_refused(
    data: Path, tmp_path: Path, split: str
) -> None:
    for path in (data / split / 'labels').iterdir():
        write_picture(path, np.full((64, 96), 255, np.uint8))
    done = run(start(data, tmp_path / 'run'))
    assert done.returncode == 1
    assert f'train: scenes {split} has no labelled pixel' in done.stderr
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--dataset', 'pascal', '--root', '.'], 'no label file'),
        (['--dataset', 'folder', '--root', '.'], 'needs --labels'),
        (['--dataset', 'camvid'], '--dataset and --root are needed'),
        (['--dataset', 'camvid', '--root', 'nowhere'], 'there is no folder'),
        (['--resume'], 'there is no run to resume'),
        (['--dataset', 'camvid', '--root', '.', '--recipe', 'none'], "there is no recipe 'none'"),
        (
            ['--dataset', 'camvid', '--root', '.', '--split', 'none'],
            "there is no split file 'none'",
        ),
        (['--workers', '-1'], '--workers is -1; expected 0 or more'),
        (['--workers', '1000'], '--workers is 1000; expected 256 or less'),
        (['--threads', '0'], '--threads is 0; expected 1 or more'),
        (['--threads', '9999'], '--threads is 9999; expected 1024 or less'),
        (['--seed', '-1'], '--seed is -1; expected 0 or more'),
        (['--epochs', 'nan'], '--epochs is nan; expected a number above 0'),
        (['--epochs', 'inf'], '--epochs is inf; expected a number above 0'),
        (['--epochs', '0'], '--epochs is 0; expected a number above 0'),
    ],
)
def test_bad_command_lines_are_answered_in_one_line(
    tmp_path: Path, options: list[str], words: str
) -> None:
    done = run([sys.executable, '-m', TOOL, '--output', str(tmp_path / 'run'), *options])
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.startswith('train: ')
    assert 'Traceback' not in done.stderr
