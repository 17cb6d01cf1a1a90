# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check mixup and CutMix against their formulas in NumPy."""

from collections import Counter

import numpy as np
import pytest
from rtformer_ros.training.data.mixing import cutmix, mixed, mixup, random_box
from rtformer_ros.training.recipe import MixingRecipe
import torch

COUNT, HEIGHT, WIDTH, CLASSES = 4, 6, 10, 3


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return images, np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 0]]


def before(values):
    """Return for each the one before it, for the first the last."""
    return np.stack([values[index - 1] for index in range(len(values))])


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_mixup_is_a_weighted_mean(batch, share):
    images, targets = batch
    came = mixup(torch.tensor(images), torch.tensor(targets), share)
    for ours, values in zip(came, batch, strict=True):
        expected = share * values.astype(float) + (1 - share) * before(values)
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-4)


def test_cutmix_lays_a_part_over_and_counts_its_pixels(batch):
    images, targets = batch
    box = (1, 4, 5, 10)
    inputs = torch.tensor(images)
    came, came_targets = cutmix(inputs, torch.tensor(targets), box)
    expected = images.copy()
    expected[:, 1:4, 5:10] = before(images)[:, 1:4, 5:10]
    np.testing.assert_array_equal(came.numpy(), expected)
    assert np.array_equal(inputs.numpy(), images)
    pasted = 15 / (HEIGHT * WIDTH)
    np.testing.assert_allclose(
        came_targets.numpy(), (1 - pasted) * targets + pasted * before(targets), atol=1e-6
    )


def test_boxes_have_the_area_that_is_asked_for_unless_the_border_cuts_them():
    rng = np.random.default_rng(5)
    boxes = [random_box(40, 80, 0.25, rng) for _ in range(300)]
    sizes = {(bottom - top, right - left) for top, bottom, left, right in boxes}
    assert max(sizes) == (20, 40)
    for top, bottom, left, right in boxes:
        assert 0 <= top <= bottom <= 40
        assert 0 <= left <= right <= 80
    assert len({(top + bottom, left + right) for top, bottom, left, right in boxes}) > 200
    top, bottom, left, right = random_box(40, 80, 0.0, rng)
    assert (bottom - top, right - left) == (0, 0)


def way_of(images, came):
    if came.dtype == torch.uint8:
        return 'none' if torch.equal(came, images) else 'cutmix'
    return 'mixup'


@pytest.mark.parametrize(
    ('recipe', 'shares'),
    [
        (MixingRecipe(), {'none': 1.0}),
        (MixingRecipe(mixup_alpha=0.2), {'mixup': 1.0}),
        (MixingRecipe(cutmix_alpha=1.0), {'cutmix': 1.0}),
        (MixingRecipe(0.2, 1.0, chance=0.6), {'none': 0.4, 'mixup': 0.3, 'cutmix': 0.3}),
    ],
)
def test_batches_are_mixed_as_often_as_the_recipe_says(batch, recipe, shares):
    images, targets = (torch.tensor(each) for each in batch)
    ways = Counter()
    for seed in range(400):
        came, came_targets = mixed(images, targets, recipe, np.random.default_rng(seed))
        again = mixed(images, targets, recipe, np.random.default_rng(seed))
        assert torch.equal(came, again[0])
        torch.testing.assert_close(came_targets.sum(dim=1), torch.ones(COUNT))
        ways[way_of(images, came)] += 1
    # Boxes of no pixel leave some batches of CutMix as they are.
    assert {way: ways[way] / 400 for way in shares} == pytest.approx(shares, abs=0.12)


def test_one_image_has_nothing_to_be_mixed_with(batch):
    images, targets = (torch.tensor(each)[:1] for each in batch)
    came = mixed(images, targets, MixingRecipe(1.0, 1.0), np.random.default_rng(0))
    assert torch.equal(came[0], images)
    assert torch.equal(came[1], targets)
