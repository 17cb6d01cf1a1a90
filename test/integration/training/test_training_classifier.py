# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Classify images first, then segment: trained, resumed, scored and taken over by processes."""

from __future__ import annotations

import csv
from dataclasses import replace
import json
import os
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import pytest
from rtformer_ros.network import (
    build_classifier,
    build_rtformer,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.tools.evaluate.__main__ import main as evaluate
from rtformer_ros.tools.train.__main__ import main as train
from rtformer_ros.training.data.image_store import filled_image_store
from rtformer_ros.training.datasets.class_folders import read_class_folders
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe_file import recipe_from_dict
from rtformer_ros.training.run.run_log import RunLog
from rtformer_ros.training.run.run_setup import RunSetup
from rtformer_ros.training.run.training_run import TrainingRun
from rtformer_ros.training.tasks.classification import ClassificationTask
import torch
from training_shapes import (
    IMAGES_RECIPE,
    PIXELS_RECIPE,
    SHAPE_LABELS,
    SHAPES,
    write_class_folders,
    write_class_maps,
)
import yaml

ENVIRONMENT = os.environ | {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}
FEW = {'batch_size': 6, 'steps': 3, 'validate_every': 3, 'save_every': 100}
MIXED = {'mixup_alpha': 0.2, 'cutmix_alpha': 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with images/ and pixels/, and a recipe for each."""
    write_class_folders(tmp_path / 'images', train=4, val=2)
    write_class_maps(tmp_path / 'pixels', train=2, val=1)
    recipes = {'images': IMAGES_RECIPE | FEW | {'mixing': MIXED}, 'pixels': PIXELS_RECIPE | FEW}
    for name, recipe in recipes.items():
        (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(recipe))
    return tmp_path


def run(folder: Path, tool: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', f'rtformer_ros.tools.{tool}', '--device', 'cpu', *options]
    environment = ENVIRONMENT | {'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_a_classifier_is_trained_resumed_scored_and_taken_over(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = ('--dataset', 'imagefolder', '--root', 'images')
    done = run(folder, 'train', *images, '--recipe', 'images.yaml', '--output', 'classifier')
    assert 'RTFormer slim on images train, 3 classes: 3 steps of 6 crops' in done.stderr
    assert '--network rtformer_slim --init classifier/best.safetensors' in done.stderr
    output = folder / 'classifier'
    for name in ('crops.png', 'val.png', 'curves.png', 'state.pt'):
        assert (output / name).stat().st_size > 0
    done = run(folder, 'train', '--output', 'classifier', '--resume', '--steps', '5')
    assert 'recipe: steps: 3 -> 5' in done.stderr
    assert [row['step'] for row in rows(output / 'steps.csv')] == ['1', '2', '3', '4', '5']
    validation = rows(output / 'validation.csv')
    assert [*validation[-1]] == ['step', 'top_1', 'top_5', *SHAPES]

    weights = output / 'last.safetensors'
    checkpoint = load_checkpoint(weights, task='classification')
    assert checkpoint.class_names == SHAPES
    assert checkpoint.class_shares == pytest.approx([1 / 3] * 3)
    options = ('--model', str(weights), *images, '--output', 'scores')
    done = run(folder, 'evaluate', *options)
    results = json.loads((folder / 'scores' / 'results.json').read_text())
    assert results['top_1'] == pytest.approx(float(validation[-1]['top_1']))
    assert results['top_1'] == pytest.approx(top_1_by_hand(checkpoint, folder / 'images'))
    assert (results['top_5'], results['protocol']['data']) == (1.0, 'images val, 6 images')
    assert f'all     {100 * results["top_1"]:7.2f}   100.00        6' in done.stdout

    pixels = ['--dataset', 'folder', '--root', 'pixels', '--labels', 'pixels/labels.yaml']
    more = ['--recipe', 'pixels.yaml', '--init', str(weights), '--output', 'segmenter']
    monkeypatch.chdir(folder)
    assert train([*pixels, *more, '--device', 'cpu', '--workers', '0']) == 0
    backbone = [key for key in checkpoint.state if not key.startswith(('down5', 'last_', 'lin'))]
    told = capsys.readouterr().err
    assert f'{len(backbone)} weights copied; ' in told
    left_out = len(checkpoint.state) - len(backbone)
    assert f'{left_out} weights of the file left out, for which this network has no' in told
    assert ' fresh ones: seghead.*, seghead_extra.*, spp.*\n' in told
    assert load_checkpoint(folder / 'segmenter' / 'best.safetensors').labels == SHAPE_LABELS


def top_1_by_hand(checkpoint: Checkpoint, root: Path) -> float:
    """Score the validation images, of the crop's size, one at a time."""
    network, hits = checkpoint.build_classifier(), []
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for class_id, name in enumerate(SHAPES):
        for path in (root / 'val' / name).iterdir():
            image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            batch = torch.tensor((image / 255 - mean) / std).float().permute(2, 0, 1)[None]
            with torch.inference_mode():
                hits.append(int(network(batch).argmax()) == class_id)
    return sum(hits) / len(hits)


class StopAfter:
    """Ask a run to end after some steps."""

    def __init__(self, steps: int) -> None:
        """Count down from `steps`."""
        self.left = steps

    @property
    def is_set(self) -> bool:
        """Return whether the steps are taken."""
        self.left -= 1
        return self.left <= 0


def test_a_resumed_classifier_equals_an_unbroken_one(folder: Path) -> None:
    recipe = recipe_from_dict(yaml.safe_load((folder / 'images.yaml').read_text()), 'images')
    recipe = replace(recipe, steps=6, validate_every=6)
    stores = [
        filled_image_store(read_class_folders(folder / 'images', split), is_silent=True)
        for split in ('train', 'val')
    ]
    setup = RunSetup('imagefolder', folder / 'images', 'rtformer_slim', SHAPES, recipe)
    states = []
    for output, stops in ((folder / 'unbroken', [6]), (folder / 'broken', [2, 4])):
        output.mkdir()
        for number, stop in enumerate(stops):
            task = ClassificationTask(stores[0], stores[1], recipe)
            options = {'workers': 0, 'resume': number > 0}
            training = TrainingRun(setup, task, output, ProcessGroup(), **options)
            with RunLog(output, SHAPES, training.steps_taken, 6) as log:
                training.run(log, StopAfter(stop))
        losses = [row['loss'] for row in rows(output / 'steps.csv')]
        states.append((losses, load_checkpoint(output / 'last.safetensors', task=None).state))
    assert len(states[0][0]) == 6
    assert states[0][0] == states[1][0]
    assert all(torch.equal(states[0][1][key], states[1][1][key]) for key in states[0][1])


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--labels', 'camvid'], '--labels is of no use with --dataset imagefolder'),
        (['--split', 'camvid_0001TP'], '--split is of no use with --dataset imagefolder'),
        (['--root', 'nowhere'], 'there is no folder nowhere/train; expected'),
        (['--network', 'unet'], "there is no classifier 'unet'"),
    ],
)
def test_bad_command_lines_are_answered_in_one_line(
    folder: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ['--dataset', 'imagefolder', '--root', str(folder / 'images'), *options]
    how = ['--output', str(folder / 'run'), '--device', 'cpu', '--set', 'steps=1']
    assert train([*given, *how]) == 1
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_broken_image_stops_the_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = folder / 'images' / 'val' / 'cross' / '1000.png'
    broken.write_bytes(broken.read_bytes()[:50])
    given = ['--dataset', 'imagefolder', '--root', str(folder / 'images'), '--device', 'cpu']
    assert train([*given, '--output', str(folder / 'run')]) == 1
    assert f'train: {broken} is cut short' in capsys.readouterr().err


def test_checkpoints_of_the_other_task_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    small = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    segmenter, onnx = folder / 'segmenter.safetensors', folder / 'model.onnx'
    save_checkpoint(Checkpoint.of(small, labels=SHAPE_LABELS), segmenter)
    onnx.write_bytes(b'')
    images = ['--dataset', 'imagefolder', '--root', str(folder / 'images')]
    assert evaluate([*images, '--model', str(segmenter)]) == 1
    assert 'needs a classifier: ' in (err := capsys.readouterr().err)
    assert 'holds a RTFormer that segments; expected one that classifies' in err
    assert evaluate([*images, '--model', str(onnx)]) == 1
    assert 'model.onnx is a model for engines, which segment' in capsys.readouterr().err
    classifier = folder / 'classifier.safetensors'
    save_checkpoint(small_classifier(), classifier)
    pixels = ['--dataset', 'folder', '--root', str(folder / 'pixels')]
    pixels += ['--labels', str(folder / 'pixels' / 'labels.yaml'), '--model', str(classifier)]
    for options in ([], ['--flip']):
        assert evaluate([*pixels, *options]) == 1
        assert 'classifies images as a whole' in capsys.readouterr().err


def small_classifier(class_names: tuple[str, ...] | None = None, count: int = 3) -> Checkpoint:
    network = build_classifier('ddrnet23_slim', count, base_channels=8, last_channels=8)
    return Checkpoint.of(network, class_names=class_names)


@pytest.mark.parametrize(
    ('classifier', 'options', 'words'),
    [
        ((None, 4), [], 'tells 4 classes apart and does not name them'),
        ((('circle', 'cross', 'star'), 3), [], 'val has the folder(s) square, which are none of'),
        ((SHAPES, 3), ['--flip'], '--flip, --scales and --prior-tau is of no use'),
        ((SHAPES, 3), ['--engine', 'onnxruntime'], '--engine onnxruntime is of no use'),
        ((SHAPES, 3), ['--labels', 'camvid'], '--labels is of no use'),
        ((SHAPES, 3), ['--limit', '0'], 'limit is 0'),
    ],
)
def test_what_cannot_be_scored_gives_one_line(
    folder: Path,
    classifier: tuple[tuple[str, ...] | None, int],
    options: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = folder / 'classifier.safetensors'
    save_checkpoint(small_classifier(*classifier), model)
    given = ['--model', str(model), '--dataset', 'imagefolder', '--root', str(folder / 'images')]
    assert evaluate([*given, *options]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('evaluate: ')
    assert words in line


def test_quantised_weights_are_for_networks_that_segment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = folder / 'start.safetensors'
    save_checkpoint(small_classifier(), start)
    given = ['--dataset', 'imagefolder', '--root', str(folder / 'images'), '--qat', 'layered']
    assert train([*given, '--init', str(start), '--output', str(folder / 'quantised')]) == 1
    assert '--qat is for networks that segment, imagefolder has classes' in capsys.readouterr().err
