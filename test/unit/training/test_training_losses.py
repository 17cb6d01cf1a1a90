# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the loss against PyTorch's cross entropy and formulas written out in NumPy."""

import numpy as np
import pytest
from rtformer_ros.training.losses import (
    class_weights,
    cross_entropy_terms,
    hard_pixels,
    sampled,
    soft_cross_entropy_terms,
)
from rtformer_ros.training.recipe import LossRecipe
import torch
import torch.nn.functional as F

CLASSES, IGNORED = 5, 255


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(4, CLASSES, 12, 16, generator=generator)
    labels = torch.randint(0, CLASSES, (4, 12, 16), generator=generator)
    labels[:, :3] = IGNORED
    return logits, labels, torch.tensor([0.5, 1.0, 2.0, 0.1, 1.5])


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def mean_by_hand(logits, labels, weights, smoothing, kept=None):
    """Weighted cross entropy with label smoothing, a pixel at a time."""
    p, total, weight = np.log(softmax(logits.double().numpy())), 0.0, 0.0
    for n, y, x in np.argwhere((labels != IGNORED).numpy()):
        if kept is not None and not kept[n, y, x]:
            continue
        label = int(labels[n, y, x])
        spread = sum(-float(weights[c]) * p[n, c, y, x] for c in range(CLASSES)) / CLASSES
        total += (1 - smoothing) * -float(weights[label]) * p[n, label, y, x] + smoothing * spread
        weight += float(weights[label])
    return total / weight


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_loss_is_weighted_cross_entropy(batch, smoothing):
    logits, labels, weights = batch
    summed, weight = cross_entropy_terms(
        logits, labels, weights, LossRecipe(label_smoothing=smoothing)
    )
    by_hand = mean_by_hand(logits, labels, weights, smoothing)
    assert float(summed / weight) == pytest.approx(by_hand, rel=1e-5)
    pytorch = F.cross_entropy(
        logits, labels, weights, ignore_index=IGNORED, label_smoothing=smoothing
    )
    assert float(summed / weight) == pytest.approx(float(pytorch), rel=1e-6)


@pytest.mark.parametrize(('threshold', 'share'), [(0.7, 0.01), (1e-6, 0.2), (0.4, 0.9)])
def test_hard_pixels_are_those_below_the_threshold_and_the_hardest(batch, threshold, share):
    logits, labels, weights = batch
    recipe = LossRecipe(ohem_threshold=threshold, ohem_min_share=share)
    p = softmax(logits.double().numpy())
    expected = np.zeros(labels.shape, bool)
    for n in range(len(labels)):
        known = labels[n].numpy() != IGNORED
        chosen = np.where(
            known,
            np.take_along_axis(p[n], np.where(known, labels[n].numpy(), 0)[None], axis=0)[0],
            1.0,
        )
        least = np.sort(chosen.ravel())[round(share * chosen.size) - 1]
        expected[n] = known & (chosen <= max(threshold, least) + 1e-9)
    kept = hard_pixels(F.log_softmax(logits, dim=1), labels, recipe)
    assert np.array_equal(kept.numpy(), expected)
    assert 0 < expected.sum() < (labels != IGNORED).sum() or share == 0.9
    summed, weight = cross_entropy_terms(logits, labels, weights, recipe)
    by_hand = mean_by_hand(logits, labels, weights, 0.0, expected)
    assert float(summed / weight) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    'recipe', [LossRecipe(), LossRecipe(label_smoothing=0.1, ohem_threshold=0.7)]
)
def test_parts_of_a_batch_add_up(batch, recipe):
    logits, labels, weights = batch
    whole = cross_entropy_terms(logits, labels, weights, recipe)
    halves = [
        cross_entropy_terms(logits[part], labels[part], weights, recipe)
        for part in (slice(0, 2), slice(2, 4))
    ]
    for index in range(2):
        assert float(whole[index]) == pytest.approx(
            float(halves[0][index] + halves[1][index]), rel=1e-5
        )


def test_batch_without_a_label_has_no_loss_and_no_nan_gradient(batch):
    logits, labels, weights = batch
    logits.requires_grad_()
    summed, weight = cross_entropy_terms(
        logits, torch.full_like(labels, IGNORED), weights, LossRecipe()
    )
    summed.backward()
    assert (float(summed.detach()), float(weight)) == (0.0, 0.0)
    assert not logits.grad.any()


def test_class_weights_are_enets():
    shares = np.array([0.7, 0.25, 0.05])
    enet = np.array([1 / np.log(1.02 + share) for share in shares])
    weights = class_weights(shares, 1.0).numpy()
    assert weights / weights[0] == pytest.approx(enet / enet[0], rel=1e-6)
    assert (weights * shares).sum() == pytest.approx(1)
    roots = class_weights(shares, 0.5).numpy()
    assert roots / roots[0] == pytest.approx(np.sqrt(enet / enet[0]), rel=1e-6)
    assert class_weights(shares, 0.0).tolist() == [1, 1, 1]


def test_samples_of_all_offsets_cover_every_pixel_once(batch):
    logits, labels, _ = batch
    seen = torch.zeros_like(labels)
    for y in range(2):
        for x in range(2):
            some_logits, some_labels = sampled(logits, labels, 2, (y, x))
            assert some_logits.shape == (4, CLASSES, 6, 8)
            assert torch.equal(some_labels, labels[:, y::2, x::2])
            seen[:, y::2, x::2] += 1
    assert bool((seen == 1).all())


@pytest.mark.parametrize('size', [(3, 4), (5, 4), (24, 16), (1, 1)])
@pytest.mark.parametrize('offset', [(0, 0), (1, 2), (2, 1)])
def test_small_logits_are_enlarged_at_the_samples_alone(batch, size, offset):
    _, labels, _ = batch
    small = torch.randn(4, CLASSES, *size, dtype=torch.bfloat16).requires_grad_()
    whole = small.detach().float().requires_grad_()
    enlarged = F.interpolate(whole, size=(12, 16), mode='bilinear', align_corners=False)
    y, x = offset
    expected = enlarged[:, :, y::3, x::3]
    factors = torch.randn_like(expected)
    (expected * factors).sum().backward()
    with torch.autocast('cpu', torch.bfloat16):
        some_logits, some_labels = sampled(small, labels, 3, offset)
    (some_logits * factors).sum().backward()
    assert some_logits.detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-5)
    assert torch.equal(some_labels, labels[:, y::3, x::3])
    # Rounded to bfloat16 on its way back, 8 bits.
    assert small.grad.float().numpy() == pytest.approx(whole.grad.numpy(), rel=2**-8, abs=1e-5)


@pytest.fixture
def images_of_shares():
    """Return logits, targets of one or two classes, and weights, in double precision."""
    rng = np.random.default_rng(8)
    logits, targets = 3 * rng.standard_normal((6, CLASSES)), np.eye(CLASSES)[[0, 1, 2, 3, 4, 0]]
    targets[3:] = 0.7 * targets[3:] + 0.3 * targets[:3]
    return logits, targets, np.array([0.5, 1.0, 2.0, 0.1, 1.5])


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_loss_of_shares_of_classes_is_the_formula(images_of_shares, smoothing):
    logits, targets, weights = images_of_shares
    summed, weight = soft_cross_entropy_terms(*map(torch.tensor, images_of_shares), smoothing)
    p, by_hand = softmax(logits), 0.0
    for image in range(len(logits)):
        for c in range(CLASSES):
            smooth = (1 - smoothing) * targets[image, c] + smoothing / CLASSES
            by_hand -= weights[c] * smooth * np.log(p[image, c])
    assert float(summed) == pytest.approx(by_hand, rel=1e-6)
    assert float(weight) == pytest.approx((targets @ weights).sum())


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_loss_of_whole_targets_is_cross_entropy(images_of_shares, smoothing):
    logits, _, weights = map(torch.tensor, images_of_shares)
    labels = torch.tensor([0, 3, 1, 4, 2, 2])
    targets = F.one_hot(labels, CLASSES).double()
    summed, weight = soft_cross_entropy_terms(logits, targets, weights, smoothing)
    pytorch = F.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    assert float(summed / weight) == pytest.approx(float(pytorch), rel=1e-6)
