# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Quantise weights and inputs to a few levels between two borders, as PalQuant does.

The codes are whole numbers held in float32, so that sums of their products are exact, whatever
their order. Gradients go straight through the rounding and stop outside of the borders.
"""

from __future__ import annotations

from rtformer_ros.network.quantisation.fake_quantiser import straight_through
from torch import Tensor


def weight_codes(weight: Tensor, lower: Tensor, upper: Tensor, levels: int) -> Tensor:
    """
    Return the codes of weights of any shape: every second number of 1 - levels to levels - 1.

    lower, upper: weights that the first and the last code stand for, one number each. A code
    divided by levels - 1 is a weight of -1 to 1.
    """
    last = levels - 1
    scaled = ((weight.float() - lower) / (upper - lower)).clamp(0, 1) * last
    return 2 * straight_through(scaled, scaled.detach().round()) - last


def input_codes(x: Tensor, offset: Tensor, span: Tensor, below: Tensor, levels: int) -> Tensor:
    """
    Return the codes of features of any shape, -below to levels - 1 - below.

    offset: the feature that code 0 stands for, which is dropped; span: the difference between the
    features of the last and the first code. One number each. A code divided by levels - 1 is a
    feature in spans.
    """
    last = levels - 1
    scaled = ((x.float() - offset) / (span / last)).clamp(-below, last - below)
    return straight_through(scaled, scaled.detach().round())
