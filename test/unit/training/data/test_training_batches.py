# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the order of samples and that crops do not depend on who makes them."""

from collections import Counter

import numpy as np
import pytest
from rtformer_ros.training.data.augment import Augmenter
from rtformer_ros.training.data.batches import BatchOrder, load_batches
from rtformer_ros.training.data.sample_store import SampleStore
from rtformer_ros.training.datasets.dataset import Dataset, plain_id_table
from rtformer_ros.training.recipe import CorruptionRecipe, CropRecipe, Recipe
import torch
from training_scenes import scene, SCENES


@pytest.fixture
def augmenter():
    pairs = tuple(scene(seed) for seed in range(5))
    dataset = Dataset('scenes', SCENES, (None,) * 5, plain_id_table(SCENES))
    recipe = Recipe(
        crop=CropRecipe(32, 48, focus_chance=0.5), weather=CorruptionRecipe(noise_chance=0.5)
    )
    return Augmenter(SampleStore(dataset, np.ones((5, 4), np.int64), pairs), recipe)


def test_every_epoch_takes_every_sample_once_in_a_new_order():
    order = BatchOrder(sample_count=10, batch_size=4, seed=1)
    draws = [draw for step in range(25) for draw in order.draws(step)]
    epochs = [[d.sample for d in draws if d.epoch == epoch] for epoch in range(10)]
    assert all(Counter(epoch) == Counter(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 10
    other = BatchOrder(10, 4, seed=2)
    assert [other.draws(step) for step in range(5)] != [order.draws(step) for step in range(5)]


@pytest.mark.parametrize('world_size', [2, 3])
def test_processes_share_each_step(world_size):
    whole = BatchOrder(10, 6, seed=1)
    parts = [BatchOrder(10, 6, 1, rank, world_size) for rank in range(world_size)]
    for step in range(7):
        joined = [draw for part in parts for draw in part.draws(step)]
        assert joined == whole.draws(step)


def same(batches, others):
    pairs = list(zip(batches, others, strict=True))
    assert pairs
    return all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


def test_crops_are_the_same_whoever_makes_them_and_wherever_one_begins(augmenter):
    order = BatchOrder(5, 3, seed=4)
    here = list(load_batches(augmenter, order, 0, 6, workers=0))
    assert [tuple(images.shape) for images, _ in here] == [(3, 32, 48, 3)] * 6
    assert [tuple(labels.shape) for _, labels in here] == [(3, 32, 48)] * 6
    assert same(here, load_batches(augmenter, order, 0, 6, workers=2))
    assert same(here[4:], load_batches(augmenter, order, 4, 6, workers=1))
    assert not same(here[:3], here[3:])


def test_a_sample_is_cut_anew_in_each_epoch(augmenter):
    order = BatchOrder(5, 5, seed=4)
    crops = {}
    for step, (images, _) in enumerate(load_batches(augmenter, order, 0, 2, workers=0)):
        for draw, image in zip(order.draws(step), images, strict=True):
            crops.setdefault(draw.sample, []).append(image)
    assert all(not torch.equal(*pair) for pair in crops.values())
