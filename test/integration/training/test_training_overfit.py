# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check that the network learns two images by heart."""

from pathlib import Path

import numpy as np
import pytest
from rtformer_ros.network import load_checkpoint
from rtformer_ros.training.data.sample_store import SampleStore
from rtformer_ros.training.datasets.dataset import Dataset, plain_id_table
from rtformer_ros.training.metrics import confusion_matrix, Scores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.recipe_file import with_changes
from rtformer_ros.training.run.run_log import RunLog
from rtformer_ros.training.run.run_setup import RunSetup
from rtformer_ros.training.run.stop_request import StopRequest
from rtformer_ros.training.run.training_run import BEST_WEIGHTS, TrainingRun
from rtformer_ros.training.tasks.segmentation import SegmentationTask
from rtformer_ros.training.tasks.validation import predict
import torch
from training_scenes import scene, SCENES

BY_HEART = {
    'steps': 180,
    'batch_size': 2,
    'ema_decay': 0.8,
    'precision': 'fp32',
    'validate_every': 180,
    'network.base_channels': 16,
    'network.head_channels': 32,
    'network.drop_path_rate': 0.0,
    'optimizer.lr': 1e-2,
    'optimizer.head_lr_factor': 1,
    'optimizer.weight_decay': 0,
    'schedule.warmup_steps': 10,
    'loss.aux_weight': 0.1,
    'crop.height': 96,
    'crop.width': 144,
    'crop.scale_min': 1,
    'crop.scale_max': 1,
    'crop.flip_chance': 0,
    'color.chance': 0,
}


@pytest.fixture
def two_images() -> SampleStore:
    pairs = (scene(21, 96, 144), scene(22, 96, 144))
    dataset = Dataset('scenes', SCENES, (None, None), plain_id_table(SCENES))
    counts = np.array([np.bincount(label.ravel(), minlength=4) for _, label in pairs])
    return SampleStore(dataset, counts, pairs)


def test_two_images_are_learnt_by_heart(two_images: SampleStore, tmp_path: Path) -> None:
    setup = RunSetup('folder', tmp_path, 'rtformer_slim', SCENES, with_changes(Recipe(), BY_HEART))
    task = SegmentationTask(two_images, two_images, setup.recipe)
    run = TrainingRun(setup, task, tmp_path, ProcessGroup(), workers=0)
    with RunLog(tmp_path, SCENES.names, 0, setup.recipe.steps) as log:
        run.run(log, StopRequest())
    losses = np.loadtxt(tmp_path / 'steps.csv', delimiter=',', skiprows=1)[:, 1]
    assert losses[0] > 1.0
    assert losses[-1] < 0.05
    checkpoint = load_checkpoint(tmp_path / BEST_WEIGHTS)
    assert checkpoint.labels == SCENES
    assert checkpoint.notes['steps'] == '180'
    total = np.zeros((4, 4), np.int64)
    for image, label in two_images.decoded:
        batch = torch.from_numpy(image)[None]
        predicted = predict(checkpoint.build(), run.learner.normalized, batch)[0]
        total += confusion_matrix(predicted, torch.from_numpy(label), 4).numpy()
    # Logits have an eighth of the size, so that a few pixels along edges stay wrong.
    assert Scores(total).pixel_accuracy > 0.98
    assert Scores(total).iou.min() > 0.7
    assert float(checkpoint.notes['val_mean_iou']) == pytest.approx(
        Scores(total).mean_iou, abs=1e-4
    )
