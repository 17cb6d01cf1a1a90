# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the Lovasz-softmax loss against the Jaccard index and a set function written out."""

import numpy as np
import pytest
from rtformer_ros.training.losses import lovasz_terms
import torch

CLASSES, IGNORED = 4, 255


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(7)
    logits = 2 * torch.randn(3, CLASSES, 6, 8, generator=generator)
    labels = torch.randint(0, CLASSES, (3, 6, 8), generator=generator)
    labels[0, :2] = IGNORED
    labels[1][labels[1] == 2] = 0
    return logits, labels


def jaccard_loss(wrong, is_class):
    """Return 1 - IoU of a class when just the pixels of `wrong` (bool) are mistaken."""
    predicted = is_class ^ wrong
    return 1 - (predicted & is_class).sum() / max((predicted | is_class).sum(), 1)


def loss_by_hand(logits, labels):
    """The Lovasz extension from its definition: the set function at each level of the errors."""
    values = []
    for image, label in zip(logits.double().softmax(dim=1).numpy(), labels.numpy(), strict=True):
        known, losses = label != IGNORED, []
        for c in np.unique(label[known]):
            is_class = label[known] == c
            errors = np.abs(is_class - image[c][known])
            loss, before = 0.0, 0.0
            for index in np.argsort(-errors, kind='stable'):
                now = jaccard_loss(errors >= errors[index], is_class)
                loss, before = loss + errors[index] * (now - before), now
            losses.append(loss)
        values.append(np.mean(losses))
    return np.mean(values)


def test_loss_is_the_lovasz_extension_of_the_jaccard_loss(batch):
    summed, count = lovasz_terms(*batch)
    assert float(count) == 3
    assert float(summed / count) == pytest.approx(loss_by_hand(*batch), rel=1e-5)


def test_loss_of_certain_answers_is_one_minus_iou(batch):
    _, labels = batch
    generator = torch.Generator().manual_seed(1)
    answers = torch.randint(0, CLASSES, labels.shape, generator=generator)
    logits = 1000.0 * torch.nn.functional.one_hot(answers, CLASSES).permute(0, 3, 1, 2)
    expected = []
    for answer, label in zip(answers.numpy(), labels.numpy(), strict=True):
        known = label != IGNORED
        a, b = answer[known], label[known]
        expected.append(
            np.mean(
                [1 - ((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum() for c in set(b)]
            )
        )
    summed, count = lovasz_terms(logits, labels)
    assert float(summed / count) == pytest.approx(np.mean(expected), rel=1e-5)


def test_parts_of_a_batch_add_up(batch):
    logits, labels = batch
    whole = lovasz_terms(logits, labels)
    parts = [lovasz_terms(logits[i : i + 1], labels[i : i + 1]) for i in range(3)]
    for index in range(2):
        assert float(whole[index]) == pytest.approx(sum(float(part[index]) for part in parts))


def test_descent_raises_the_iou(batch):
    logits, labels = batch
    logits.requires_grad_()
    before, _ = lovasz_terms(logits, labels)
    before.backward()
    after, _ = lovasz_terms(logits.detach() - 200 * logits.grad, labels)
    assert float(after) < 0.9 * float(before.detach())
    assert not logits.grad[:, :, :2][0].any()


def test_images_without_a_label_count_for_nothing(batch):
    logits, labels = batch
    labels[1:] = IGNORED
    logits.requires_grad_()
    summed, count = lovasz_terms(logits, labels)
    assert float(count) == 1
    none, zero = lovasz_terms(logits, torch.full_like(labels, IGNORED))
    (summed + none).backward()
    assert (float(none.detach()), float(zero)) == (0.0, 0.0)
    assert logits.grad.isfinite().all()
    assert not logits.grad[1:].any()
