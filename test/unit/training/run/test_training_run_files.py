# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what a run keeps: its setup, its state, its tables."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.training.metrics import Scores
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.run.run_log import RunLog
from rtformer_ros.training.run.run_setup import load_setup, RunSetup
from rtformer_ros.training.run.run_state import load_state, RunState, STATE_FILE
from rtformer_ros.training.tasks.pictures import draw_rows
import torch
from training_scenes import COLORS_RGB, scene, SCENES

CPU = torch.device('cpu')


def test_setup_survives_its_file(tmp_path):
    setup = RunSetup('folder', Path('/some/where'), 'rtformer_base', SCENES, Recipe(steps=5))
    setup.save(tmp_path)
    assert load_setup(tmp_path) == setup
    replace(setup, network='rtformer_slim').save(tmp_path)
    assert load_setup(tmp_path).network == 'rtformer_slim'
    classifier = replace(setup, dataset='imagefolder', labels=('01', 'yes', 'a: b'))
    classifier.save(tmp_path)
    assert load_setup(tmp_path) == classifier
    assert load_setup(tmp_path).class_names == ('01', 'yes', 'a: b')


@pytest.mark.parametrize('text', ['[', 'dataset: x', '3', 'recipe: {}\ndataset: a\nroot: 3'])
def test_broken_setups_are_named(tmp_path, text):
    (tmp_path / 'run.yaml').write_text(text)
    with pytest.raises(ConfigError, match=r'run\.yaml is no description of a run'):
        load_setup(tmp_path)


def test_state_survives_its_file(tmp_path):
    learner = {'network': {'w': torch.arange(3.0)}, 'optimizer': {'step': 4}}
    RunState(7, learner, 0.5).save(tmp_path)
    state = load_state(tmp_path, CPU)
    assert (state.step, state.best_score) == (7, 0.5)
    assert torch.equal(state.learner['network']['w'], torch.arange(3.0))
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_state_of_an_older_run_is_read(tmp_path):
    old = {'format': 1, 'step': 3, 'learner': {}, 'best_mean_iou': 0.25}
    torch.save(old, tmp_path / STATE_FILE)
    assert load_state(tmp_path, CPU).best_score == 0.25


def test_broken_states_are_named(tmp_path):
    with pytest.raises(CheckpointError, match='ended before its first state was kept'):
        load_state(tmp_path, CPU)
    RunState(7, {}).save(tmp_path)
    whole = (tmp_path / STATE_FILE).read_bytes()
    for content in (b'', whole[: len(whole) // 2], b'PK\x03\x04 no'):
        (tmp_path / STATE_FILE).write_bytes(content)
        with pytest.raises(CheckpointError, match='cut short'):
            load_state(tmp_path, CPU)
    torch.save({'format': 0}, tmp_path / STATE_FILE)
    with pytest.raises(CheckpointError, match='has format 0; this version reads 1'):
        load_state(tmp_path, CPU)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_state_that_would_run_code_is_refused(tmp_path):
    torch.save({'format': 1, 'learner': Touch(tmp_path / 'touched')}, tmp_path / STATE_FILE)
    with pytest.raises(CheckpointError):
        load_state(tmp_path, CPU)
    assert not (tmp_path / 'touched').exists()


def test_log_writes_tables_and_pictures(tmp_path, capsys):
    picture = scene(0)[0]
    with RunLog(tmp_path, ('a', 'b'), 0, 2) as log:
        log.step(1, 0.25, 1e-3, 4.0)
        log.step(2, 0.125, 1e-4, 4.0)
        log.scores(2, Scores(np.array([[3, 1], [0, 4]])))
        log.picture('seen', picture, 2)
    with (tmp_path / 'steps.csv').open() as file:
        rows = [
            [float(row[key]) for key in ('step', 'loss', 'lr')] for row in csv.DictReader(file)
        ]
    assert rows == [[1, 0.25, 1e-3], [2, 0.125, 1e-4]]
    with (tmp_path / 'validation.csv').open() as file:
        (row,) = csv.DictReader(file)
    expected = {'step': 2, 'mean_iou': 0.775, 'pixel_accuracy': 7 / 8, 'a': 0.75, 'b': 0.8}
    assert {key: float(value) for key, value in row.items()} == pytest.approx(expected)
    saved = cv2.imread(str(tmp_path / 'seen.png'))
    assert np.array_equal(cv2.cvtColor(saved, cv2.COLOR_BGR2RGB), picture)
    assert 'val mIoU 77.50 %' in capsys.readouterr().err
    curves = cv2.imread(str(tmp_path / 'curves.png'))
    assert curves.shape == (600, 900, 3)
    # The curves alone are in colour: the loss above, the scores below.
    is_colored = np.ptp(curves, axis=2) > 60
    assert is_colored[:300].any()
    assert is_colored[300:].any()


def steps_of(folder, table='steps.csv'):
    with (folder / table).open() as file:
        return [int(float(row['step'])) for row in csv.DictReader(file)]


def test_log_goes_on_where_a_killed_run_is_taken_up(tmp_path):
    with RunLog(tmp_path, ('a', 'b'), 0, 9) as log:
        for step in range(1, 6):
            log.step(step, 0.5, 1e-3, 4.0)
        log.scores(2, Scores(np.array([[3, 1], [0, 4]])))
        log.scores(4, Scores(np.array([[3, 1], [0, 4]])))
    with (tmp_path / 'steps.csv').open('a') as file:
        file.write('6,0.2')  # killed while it wrote
    with RunLog(tmp_path, ('a', 'b'), 3, 9) as log:
        log.step(4, 0.25, 1e-3, 4.0)
    assert steps_of(tmp_path) == [1, 2, 3, 4]
    assert steps_of(tmp_path, 'validation.csv') == [2]


def test_log_of_a_new_run_holds_nothing_of_a_killed_one(tmp_path):
    for loss in (0.5, 0.25):
        with RunLog(tmp_path, ('a', 'b'), 0, 9) as log:
            log.step(1, loss, 1e-3, 4.0)
            old = [*(tmp_path / 'tensorboard').iterdir()]
            assert len(old) == 1
    assert steps_of(tmp_path) == [1]


def test_log_without_a_folder_is_silent(capsys):
    with RunLog(None, ('a',), 0, 2) as log:
        log.step(1, 0.25, 1e-3, 4.0)
        log.scores(1, Scores(np.array([[3]])))
        log.picture('seen', scene(0)[0], 1)
        log.say('anything')
    assert capsys.readouterr() == ('', '')


def test_rows_of_pictures_show_images_and_class_colours():
    (image, label), (small, small_label) = scene(1), scene(2, 32, 48)
    drawn = draw_rows([(image, [label, label]), (small, [small_label])], SCENES)
    assert drawn.shape == (96, 288, 3)
    assert np.array_equal(drawn[:64, :96], image)
    assert np.array_equal(drawn[:64, 192:], COLORS_RGB[label])
    assert np.array_equal(drawn[64:, 48:96], COLORS_RGB[small_label])
    assert not drawn[64:, 96:].any()
