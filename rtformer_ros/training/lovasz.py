"""Compute the Lovasz-softmax loss, a smooth stand-in for the mean of 1 - IoU."""

from __future__ import annotations

import torch
from torch import Tensor

from rtformer_ros.training.datasets.dataset import IGNORED


def lovasz_terms(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return the sum of the losses of all images with a label and their number, two scalars.

    logits: float [n, c, h, w]; labels: int64 [n, h, w] with IGNORED. An image's loss is the mean
    over the classes it holds (arXiv 1705.08790, equations 8 and 9; per image), so that the parts
    of a batch on several processes can be added up.
    """
    # Half precision would make ties of most pixels.
    probabilities = logits.to(torch.float32).softmax(dim=1).flatten(2)
    losses = [
        _image_loss(p[:, known], label[known])
        for p, label in zip(probabilities, labels.flatten(1), strict=True)
        if bool((known := label != IGNORED).any())
    ]
    if not losses:
        return 0.0 * logits.float().sum(), logits.new_zeros((), dtype=torch.float32)
    return torch.stack(losses).sum(), logits.new_tensor(float(len(losses)), dtype=torch.float32)


def _image_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of pixels with probabilities [c, pixels] and labels [pixels]."""
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
