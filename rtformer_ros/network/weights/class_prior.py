# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Correct a network's logits for how often its classes occur (logit adjustment, arXiv 2007.07314).

Training that weighs rare classes up predicts them too often. Multiplying the probability of each
class by (share of the class in the training data)^tau takes that back; it is a constant for each
class, and so folds into the bias of the last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.weights.checkpoint import Checkpoint
import torch
from torch import Tensor

LEAST_SHARE = 1e-6
"""What a class counts as that the training data lacks, as the logarithm of 0 is no number."""


def with_class_prior(
    checkpoint: Checkpoint, tau: float, shares: Sequence[float] | None = None
) -> Checkpoint:
    """
    Return a checkpoint whose logits are those of the old one plus tau * log(share of the class).

    tau: 0 (no change) or more; 1 multiplies by the shares themselves. shares: of each class among
    all labelled pixels, 0..1, in place of those that the checkpoint has. The notes keep tau.
    Raises ConfigError for another tau, and where there are no shares or not one for each class.
    """
    if not (math.isfinite(tau) and tau >= 0):
        raise ConfigError(f'tau is {tau}; expected 0 or more')
    if tau == 0:
        return checkpoint
    chosen = checkpoint.class_shares if shares is None else tuple(shares)
    if chosen is None:
        raise ConfigError(
            'these weights do not say how often each class occurs in their training data; give '
            'the shares of the classes (--class-shares)'
        )
    if len(chosen) != checkpoint.num_classes:
        raise ConfigError(
            f'there are shares of {len(chosen)} classes; expected {checkpoint.num_classes}'
        )
    key = f'{checkpoint.family.last_layer}.bias'
    bias = checkpoint.state[key] + class_prior(tau, chosen)
    notes = {**checkpoint.notes, 'prior_tau': f'{tau:g}'}
    return replace(checkpoint, state={**checkpoint.state, key: bias}, notes=notes)


def class_prior(tau: float, shares: Sequence[float]) -> Tensor:
    """Return what is added to the logits, float32 [classes], for shares of 0..1."""
    wide = torch.tensor(shares, dtype=torch.float64).clamp(min=LEAST_SHARE)
    return (tau * wide.log()).float()
