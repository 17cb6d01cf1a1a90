# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fake quantisers round as the codes do, and their gradients are those of LSQ, by its formulas."""

import math

import numpy as np
import pytest
from rtformer_ros.network.quantisation.bit_planes import odd_codes, unit_of
from rtformer_ros.network.quantisation.fake_quantiser import (
    fake_quantised_input,
    fake_quantised_weight,
    weight_codes,
)
import torch

STEPS = torch.tensor([0.02, 0.1])


def weights():
    """Two channels of 12 weights, some of them outside the range of the first one's codes."""
    torch.manual_seed(3)
    return torch.randn(2, 3, 2, 2) * 2


@pytest.mark.parametrize('bits', [8, 6, 4, 2])
def test_values_are_those_of_the_codes(bits):
    weight, log_step = weights(), STEPS.log()
    codes = weight_codes(weight, log_step).numpy()
    np.testing.assert_array_equal(
        codes,
        np.clip(np.rint(weight.numpy() / log_step.exp().numpy()[:, None, None, None]), -127, 127),
    )
    expected = odd_codes(codes, bits) * unit_of(bits) * STEPS.numpy()[:, None, None, None]
    came = fake_quantised_weight(weight, log_step, bits)
    np.testing.assert_allclose(came.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize('bits', [8, 6, 4, 2])
def test_gradients_of_weights_and_steps(bits):
    weight, log_step = weights().requires_grad_(), STEPS.log().requires_grad_()
    upstream = torch.randn(2, 3, 2, 2)
    fake_quantised_weight(weight, log_step, bits).backward(upstream)
    scaled = (weight.detach() / STEPS[:, None, None, None]).numpy()
    inside = np.abs(scaled) <= 127
    assert not inside.all()
    assert inside.any()
    np.testing.assert_allclose(weight.grad.numpy(), upstream.numpy() * inside, rtol=1e-6)
    # LSQ: d value / d step is the code (or the centre of its cell), less the scaled weight inside.
    codes = np.clip(np.rint(scaled), -127, 127).astype(np.int8)
    slopes = odd_codes(codes, bits) * unit_of(bits) - scaled * inside
    by_step = (upstream.numpy() * slopes).sum(axis=(1, 2, 3)) / math.sqrt(12 * 127)
    np.testing.assert_allclose(log_step.grad.numpy(), by_step * STEPS.numpy(), rtol=1e-4)


def test_inputs_are_rounded_half_to_even_and_cut_off():
    step = torch.tensor(0.5)
    x = torch.tensor([[-90.0, -64.0, -0.75, 0.25, 0.26, 0.75, 63.5, 99.0]])
    came = fake_quantised_input(x, step.log())
    np.testing.assert_allclose(came[0], [-64, -64, -1, 0, 0.5, 1, 63.5, 63.5], rtol=1e-6)


def test_gradients_of_inputs_and_their_step():
    step, x = torch.tensor(0.5), torch.tensor([[-90.0, -0.8, 0.3, 99.0]], requires_grad=True)
    log_step = step.log().requires_grad_()
    fake_quantised_input(x, log_step).backward(torch.tensor([[1.0, 2.0, 4.0, 8.0]]))
    assert x.grad[0].tolist() == [0, 2, 4, 0]
    slopes = [-128, -2 + 1.6, 1 - 0.6, 127]
    expected = (slopes[0] + 2 * slopes[1] + 4 * slopes[2] + 8 * slopes[3]) / math.sqrt(4 * 127)
    np.testing.assert_allclose(log_step.grad, expected * 0.5, rtol=1e-5)
