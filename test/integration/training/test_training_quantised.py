# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train quantised weights with the tool, stop, resume, and export what the file holds."""

from collections.abc import Iterator
import csv
import os
from pathlib import Path
import subprocess
import sys

import numpy as np
import onnx
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.network import (
    build_network,
    build_rtformer,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.quantisation.layered_file import load_layered
from rtformer_ros.network.quantisation.parallel.parallel_file import load_parallel
from rtformer_ros.tools.train import __main__ as train
import torch
from training_scenes import SCENES, write_scenes
import yaml

# With as many threads everywhere, so that sums come out alike.
HERE = ('--device', 'cpu', '--workers', '0', '--threads', '1')
ENVIRONMENT = os.environ | {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
RECIPE = {
    'steps': 4,
    'batch_size': 2,
    'validate_every': 4,
    'save_every': 2,
    'precision': 'fp32',
    'network': {'base_channels': 8, 'head_channels': 8},
    'optimizer': {'kind': 'muon', 'lr': 2e-3},
    'schedule': {'kind': 'stable', 'warmup_steps': 1},
    'crop': {'height': 48, 'width': 64},
    'quantisation': {'bits': [8, 4], 'observed_crops': 2},
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / 'labels.yaml').write_text(yaml.safe_dump(SCENES.to_dict()))
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(RECIPE))
    network = build_rtformer('slim', len(SCENES), base_channels=8, head_channels=8)
    save_checkpoint(Checkpoint.of(network, labels=SCENES), tmp_path / 'start.safetensors')
    return write_scenes(tmp_path / 'data', train=3, val=1)


def arguments(data: Path, output: Path, *more: object) -> list[str]:
    folder = data.parent
    options = ('--dataset', 'folder', '--root', data, '--labels', folder / 'labels.yaml')
    recipe = ('--recipe', folder / 'recipe.yaml', '--output', output)
    return [*map(str, (*options, *recipe, *HERE, *more))]


def losses(output: Path) -> list[float]:
    with (output / 'steps.csv').open() as file:
        return [float(row['loss']) for row in csv.DictReader(file)]


def test_one_training_serves_every_precision_and_resumes(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = ('--qat', 'layered', '--init', tmp_path / 'start.safetensors')
    command = [sys.executable, '-m', 'rtformer_ros.tools.train']
    unbroken = subprocess.run(
        [*command, *arguments(data, tmp_path / 'a', *start)],
        capture_output=True,
        text=True,
        timeout=150,
        env=ENVIRONMENT,
        check=False,
    )
    assert unbroken.returncode == 0, unbroken.stderr
    assert 'recipe: optimizer.kind: muon -> adamw' in unbroken.stderr
    assert 'int8: val mIoU' in unbroken.stderr
    assert 'int4: val mIoU' in unbroken.stderr
    # The rate is that of the longer run, so that the interrupted one takes the same steps.
    assert train.main(arguments(data, tmp_path / 'b', *start, '--steps', 2)) == 0
    resume = ['--output', str(tmp_path / 'b'), '--resume', *HERE]
    assert train.main([*resume, '--set', 'quantisation.bits=[8]']) == 1
    assert 'quantisation cannot be changed by --resume' in capfd.readouterr().err
    assert train.main([*resume, '--steps', '4']) == 0
    assert losses(tmp_path / 'b') == pytest.approx(losses(tmp_path / 'a'), rel=1e-6)
    weights = [load_layered(tmp_path / each / 'last.safetensors') for each in 'ab']
    for name, layer in weights[0].layers.items():
        np.testing.assert_array_equal(layer.codes, weights[1].layers[name].codes)
    target = tmp_path / 'int4.onnx'
    export_onnx(tmp_path / 'a' / 'best.safetensors', target, 48, 64, precision='int4')
    onnx.checker.check_model(onnx.load(target), full_check=True)


def test_parallel_groups_are_trained_and_resumed(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = ('--qat', 'parallel', '--bits', 2, '--groups', 3)
    start += ('--init', tmp_path / 'start.safetensors', '--set', 'optimizer.kind=muon')
    assert train.main(arguments(data, tmp_path / 'a', *start)) == 0
    assert train.main(arguments(data, tmp_path / 'b', *start, '--steps', 2)) == 0
    resume = ['--output', str(tmp_path / 'b'), '--resume', *HERE]
    assert train.main([*resume, '--bits', '4']) == 1
    assert 'quantisation cannot be changed by --resume' in capfd.readouterr().err
    assert train.main([*resume, '--steps', '4']) == 0
    assert losses(tmp_path / 'b') == pytest.approx(losses(tmp_path / 'a'), rel=1e-6)
    first, second = (load_parallel(tmp_path / each / 'last.safetensors') for each in 'ab')
    assert (first.precision.bits, first.precision.groups) == (2, 3)
    assert first.labels == SCENES
    assert first.state.keys() == second.state.keys()
    for key, value in first.state.items():
        torch.testing.assert_close(second.state[key], value, rtol=1e-5, atol=1e-6)
    begun = load_checkpoint(tmp_path / 'start.safetensors').state
    key = 'layer1.0.conv1.output_scale'
    assert not torch.equal(first.state[key], torch.ones_like(first.state[key]))
    assert not torch.equal(first.state['conv1.0.weight'], begun['conv1.0.weight'])
    target = tmp_path / 'groups.onnx'
    export_onnx(tmp_path / 'a' / 'best.safetensors', target, 48, 64)
    onnx.checker.check_model(onnx.load(target), full_check=True)


@pytest.mark.parametrize('kind', ['layered', 'parallel'])
def test_it_needs_weights_to_start_from(
    kind: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(arguments(data, tmp_path / 'run', '--qat', kind)) == 1
    assert 'train: --qat trains weights further' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--bits', 4), '--bits is for --qat parallel, and this run has none; leave it out'),
        (('--qat', 'layered', '--groups', 2), '--groups is for --qat parallel'),
        (('--qat', 'parallel', '--groups', 9), 'groups of parallel groups is'),
        (
            ('--qat', 'parallel', '--network', 'ddrnet23_slim'),
            'DDRNet has no form of parallel groups',
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: tuple[object, ...],
    words: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = build_network('ddrnet23_slim', len(SCENES), base_channels=8, head_channels=8)
    save_checkpoint(Checkpoint.of(network), tmp_path / 'ddrnet.safetensors')
    name = 'ddrnet' if 'ddrnet23_slim' in options else 'start'
    start = ('--init', tmp_path / f'{name}.safetensors')
    assert train.main(arguments(data, tmp_path / 'run', *options, *start)) == 1
    assert words in capsys.readouterr().err
