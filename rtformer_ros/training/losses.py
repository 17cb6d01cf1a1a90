# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compute the losses of a batch: cross entropy over hard pixels or images, Lovasz-softmax."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.recipe import LossRecipe
import torch
from torch import Tensor
import torch.nn.functional as F

LossTerms = tuple[Tensor, Tensor]
"""A summed loss and the weight to divide it by, two scalars: both add up over the processes that
share a batch, and the loss of the batch is their quotient."""

_ENET_OFFSET = 1.02


def class_weights(shares: npt.NDArray[np.float64], power: float) -> Tensor:
    """
    Return a weight for each class, float32 [classes], whose mean over all pixels is 1.

    shares: each class's share of the pixels. power: 0 for equal weights, 1 for ENet's
    1 / ln(1.02 + share) (arXiv 1606.02147, section 5.2).
    """
    weights = np.log(_ENET_OFFSET + shares) ** -power
    mean = float((weights * shares).sum())
    return torch.from_numpy((weights / (mean or 1.0)).astype(np.float32))


def sampled(
    logits: Tensor, labels: Tensor, stride: int, offset_yx: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """
    Return logits and labels at every `stride`-th row and column of the labels, [n, h', w'].

    labels: [n, h, w]; logits: [n, c, h, w], or smaller ones, which are enlarged bilinearly to
    the labels' size, at those rows and columns alone.
    """
    y, x = offset_yx
    if logits.shape[2:] == labels.shape[1:]:
        return logits[:, :, y::stride, x::stride], labels[:, y::stride, x::stride]
    rows, columns = (
        _enlarging(small, full, logits.device)[:, start::stride]
        for small, full, start in zip(logits.shape[2:], labels.shape[1:], offset_yx, strict=True)
    )
    # Two products with thin matrices: a third of the time of enlarging all and keeping some, in
    # whose gradient most is zero. Half precision would round the shares of neighbours.
    with torch.autocast(logits.device.type, enabled=False):
        enlarged = rows.T @ (logits.float().contiguous() @ columns)
    return enlarged, labels[:, y::stride, x::stride]


def _enlarging(small: int, full: int, device: torch.device) -> Tensor:
    """Return each of `small` values' share of `full` bilinear ones, float32 [small, full]."""
    ones = torch.eye(small, device=device)
    return F.interpolate(ones[None], size=full, mode='linear', align_corners=False)[0]


def cross_entropy_terms(
    logits: Tensor, labels: Tensor, weights: Tensor, recipe: LossRecipe
) -> LossTerms:
    """
    Return the weighted cross entropy of a head's logits over the hard pixels, and their weight.

    logits: float [n, c, h, w]; labels: int64 [n, h, w] with IGNORED; weights: [c]. The quotient
    equals F.cross_entropy with the same weights and label smoothing, over the pixels that count.
    """
    # Contiguous planes make the softmax over channels a third faster than channels-last memory.
    logits = logits.to(torch.float32, memory_format=torch.contiguous_format)
    if recipe.ohem_threshold < 1:
        hard = hard_pixels(F.log_softmax(logits.detach(), dim=1), labels, recipe)
        labels = labels.where(hard, IGNORED)
    loss = F.cross_entropy(
        logits,
        labels,
        weights,
        ignore_index=IGNORED,
        label_smoothing=recipe.label_smoothing,
        reduction='sum',
    )
    known = labels != IGNORED
    return loss, (weights[labels.where(known, 0)] * known).sum()


def soft_cross_entropy_terms(
    logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float
) -> LossTerms:
    """
    Return the weighted cross entropy of images that may have shares of several classes.

    logits, targets: float [n, c], targets of 0 to 1 that add up to 1; weights: [c]; smoothing:
    what of each target is spread over all classes. With whole targets this is cross_entropy_terms.
    """
    spread = targets * (1 - smoothing) + smoothing / targets.shape[1]
    logs = F.log_softmax(logits.float(), dim=1)
    return -(weights * spread * logs).sum(), (weights * targets).sum()


def hard_pixels(log_probabilities: Tensor, labels: Tensor, recipe: LossRecipe) -> Tensor:
    """
    Return which pixels online hard example mining keeps, bool [n, h, w].

    Kept are those whose true class is less likely than the threshold, and in any case the
    hardest ohem_min_share of each image (arXiv 1604.03540, per pixel).
    """
    known = labels != IGNORED
    chosen = log_probabilities.gather(1, labels.where(known, 0)[:, None])[:, 0]
    flat = chosen.masked_fill(~known, 0.0).flatten(1)
    least = max(1, round(flat.shape[1] * recipe.ohem_min_share))
    limits = flat.kthvalue(least, dim=1).values
    threshold = torch.log(torch.tensor(recipe.ohem_threshold, device=flat.device))
    limits = limits.clamp(min=threshold)
    return known & (chosen <= limits[:, None, None])


def lovasz_terms(logits: Tensor, labels: Tensor) -> LossTerms:
    """
    Return the summed Lovasz-softmax loss of the images with a label, and their number.

    logits: float [n, c, h, w]; labels: int64 [n, h, w] with IGNORED. An image's loss is the mean
    over the classes it holds (arXiv 1705.08790, equations 8 and 9; per image).
    """
    # Half precision would make ties of most pixels.
    probabilities = logits.to(torch.float32).softmax(dim=1).flatten(2)
    losses = [
        _lovasz_of_image(p[:, known], label[known])
        for p, label in zip(probabilities, labels.flatten(1), strict=True)
        if bool((known := label != IGNORED).any())
    ]
    if not losses:
        return 0.0 * logits.float().sum(), logits.new_zeros((), dtype=torch.float32)
    return torch.stack(losses).sum(), logits.new_tensor(float(len(losses)), dtype=torch.float32)


def _lovasz_of_image(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the Lovasz-softmax loss of probabilities [c, pixels] and labels [pixels]."""
    present = torch.unique(labels)
    is_class = (labels[None] == present[:, None]).to(torch.float32)
    errors = (is_class - probabilities[present]).abs()
    sorted_errors, order = errors.sort(dim=1, descending=True)
    gradients = _jaccard_steps(is_class.gather(1, order))
    loss: Tensor = (sorted_errors * gradients).sum(dim=1).mean()
    return loss


def _jaccard_steps(is_class: Tensor) -> Tensor:
    """Return how much 1 - IoU grows as each pixel in turn, worst first, becomes wrong."""
    total = is_class.sum(dim=1, keepdim=True)
    intersection = total - is_class.cumsum(dim=1)
    union = total + (1 - is_class).cumsum(dim=1)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:, :1], jaccard.diff(dim=1)], dim=1)
