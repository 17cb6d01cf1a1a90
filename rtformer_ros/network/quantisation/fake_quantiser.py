# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Fake quantisers: round weights and inputs as INT8 does, with gradients for them and their steps.

Steps are learned as LSQ does it (arXiv 1902.08153), but through their logarithms (as arXiv
1903.08066): Adam moves every weight by about the learning rate, which then is a relative change,
and no step becomes negative.
"""

from __future__ import annotations

import math
from typing import Any

from rtformer_ros.network.quantisation.bit_planes import CODE_BITS, LARGEST_CODE, signs_of
import torch
from torch import Tensor


def fake_quantised_weight(weight: Tensor, log_step: Tensor, bits: int) -> Tensor:
    """
    Return float32 weights [out, in, h, w] as codes of `bits` bits hold them.

    log_step: natural logarithm of the step of the codes of 8 bits, float [out]. A code that was
    cut to fewer bits stands for the centre of its cell. Gradients: 1 for weights within the range
    of the codes and 0 outside; see _learned_step for the steps.
    """
    step = _learned_step(log_step, weight[0].numel())[:, None, None, None]
    scaled = (weight.float() / step).clamp(-LARGEST_CODE, LARGEST_CODE)
    values = scaled.detach().round()
    if bits < CODE_BITS:
        cell = 2.0 ** (CODE_BITS - bits)
        signs = torch.from_numpy(signs_of(weight.shape)).to(values)
        values = ((values * signs).div(cell).floor() + 0.5) * cell * signs
    return straight_through(scaled, values) * step


def fake_quantised_input(x: Tensor, log_step: Tensor) -> Tensor:
    """
    Return float32 features of any shape as symmetric INT8 holds them.

    log_step: natural logarithm of the step, a single number. Gradients as of weights.
    """
    step = _learned_step(log_step, x[0].numel())
    scaled = (x.float() / step).clamp(-LARGEST_CODE - 1, LARGEST_CODE)
    return straight_through(scaled, scaled.detach().round()) * step


def weight_codes(weight: Tensor, log_step: Tensor) -> Tensor:
    """Return the codes of 8 bits, int8, that fake_quantised_weight cuts."""
    scaled = weight.float() / log_step.exp()[:, None, None, None]
    return scaled.clamp(-LARGEST_CODE, LARGEST_CODE).round().to(torch.int8)


def _learned_step(log_step: Tensor, count: int) -> Tensor:
    """Return steps; their gradients are divided by sqrt(values of a step * 127), as LSQ's are."""
    step = log_step.exp()
    if step.requires_grad:
        factor = 1 / math.sqrt(count * LARGEST_CODE)
        step.register_hook(lambda gradient: gradient * factor)  # type: ignore[no-untyped-call]
    return step


def straight_through(scaled: Tensor, values: Tensor) -> Tensor:
    """Return `values`, whose gradient goes to `scaled`, which they were rounded from."""
    rounded: Tensor = _StraightThrough.apply(scaled, values)  # type: ignore[no-untyped-call]
    return rounded


class _StraightThrough(torch.autograd.Function):
    """The function that straight_through applies."""

    @staticmethod
    def forward(_ctx: Any, _scaled: Tensor, values: Tensor) -> Tensor:
        return values

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None
