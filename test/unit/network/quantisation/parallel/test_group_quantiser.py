# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The quantisers of parallel groups, beside their definitions."""

from fractions import Fraction
import math

import numpy as np
import pytest
from rtformer_ros.network.quantisation.parallel.group_quantiser import input_codes, weight_codes
from rtformer_ros.network.quantisation.parallel.parallel_convolution import ParallelConvolution
import torch
from torch import nn


def number(value, *, learns=False):
    return torch.tensor(float(value), requires_grad=learns)


@pytest.mark.parametrize(('levels', 'values'), [(4, {-1, -1 / 3, 1 / 3, 1}), (16, None)])
def test_weights_have_as_many_values_as_there_are_levels(levels, values):
    weight = torch.linspace(-2, 2, 999)
    codes = weight_codes(weight, number(-1.2), number(1.2), levels)
    found = set((codes / (levels - 1)).tolist())
    expected = values or {(2 * k - 15) / 15 for k in range(16)}
    assert sorted(found) == pytest.approx(sorted(expected))


def test_codes_of_weights_are_those_of_the_definition():
    weight = [Fraction(k, 8) for k in range(-16, 17)]
    lower, upper, last = Fraction(-1), Fraction(2), 3
    shares = [min(max((w - lower) / (upper - lower), 0), 1) for w in weight]
    # Python rounds fractions half to even, too.
    expected = [2 * round(share * last) - last for share in shares]
    came = weight_codes(torch.tensor([float(w) for w in weight]), number(-1), number(2), 4)
    assert came.tolist() == expected


@pytest.mark.parametrize('below', [0, 1, 8])
def test_codes_of_inputs_are_those_of_the_definition(below):
    x = [Fraction(k, 32) for k in range(-64, 65)]
    offset, span, last = Fraction(1, 4), Fraction(15, 8), 15
    scaled = [(each - offset) / span * last for each in x]
    expected = [min(max(round(each), -below), last - below) for each in scaled]
    features = torch.tensor([float(each) for each in x])
    came = input_codes(features, number(offset), number(span), number(below), 16)
    assert came.tolist() == expected


def test_gradients_go_straight_through_and_stop_at_the_borders():
    weight = torch.tensor([-3.0, -0.4, 0.1, 0.7, 3.0], requires_grad=True)
    lower, upper = number(-1, learns=True), number(1, learns=True)
    weight_codes(weight, lower, upper, 4).sum().backward()
    # d/dw of 2 * 3 (w - l) / (u - l), as if it were not rounded.
    assert weight.grad.tolist() == pytest.approx([0, 3, 3, 3, 0])
    inside = [-0.4, 0.1, 0.7]
    assert float(upper.grad) == pytest.approx(sum(-6 * (w + 1) / 4 for w in inside))
    assert float(lower.grad) == pytest.approx(sum(6 * (w - 1) / 4 for w in inside))
    x = torch.tensor([-0.5, 0.2, 1.4, 9.0], requires_grad=True)
    span = number(3, learns=True)
    input_codes(x, number(0), span, number(0), 4).sum().backward()
    assert x.grad.tolist() == pytest.approx([0, 1, 1, 0])
    assert float(span.grad) == pytest.approx(-sum(each / 3 for each in (0.2, 1.4)))


@pytest.mark.parametrize('copies', [2, 3, 4])
def test_the_mean_of_copies_is_as_many_times_finer(copies):
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 5, 3, bias=False)
    weight = conv.weight.detach().clone()
    conv.weight = nn.Parameter(weight.repeat(copies, 1, 1, 1))
    conv.in_channels, conv.out_channels, conv.groups = 6 * copies, 5 * copies, copies
    ParallelConvolution.convert(conv, 16, copies)
    conv.observes = True
    conv(torch.rand(1, 6 * copies, 8, 8))
    codes = conv.codes().detach().reshape(copies, *weight.shape).double().mean(0).numpy()
    rows = weight / weight.std(dim=(1, 2, 3), keepdim=True)
    border = float(conv.upper_weight.detach())
    assert border == pytest.approx(3 * float(rows.repeat(copies, 1, 1, 1).std()))
    # Codes are two apart; the mean of copies rounds to 2 / copies.
    exact = rows.double().numpy() / border * 15
    inside = np.abs(exact) < 14
    assert inside.mean() > 0.9
    assert np.abs(codes - exact)[inside].max() <= 1 / copies + 1e-4


def test_what_the_first_input_sets_where_weights_were_trained():
    """Zero is a level, so that nothing is dropped; beside the published rule where it is one."""
    conv = nn.Conv2d(4, 4, 3, 1, 1)
    ParallelConvolution.convert(conv, 16, 1)
    torch.manual_seed(0)
    for x, least, below in (
        (torch.randn(2, 4, 9, 9).relu(), 0, 0),
        (nn.functional.gelu(torch.randn(2, 4, 64, 64)), None, 1),
        (torch.randn(2, 4, 64, 64), None, 7),
    ):
        conv.observes = True
        with torch.no_grad():
            conv(x)
            arguments = (conv.input_offset, conv.input_span, conv.input_below)
            zero = input_codes(torch.zeros(1), *arguments, 16)
        assert float(conv.input_offset.detach()) == 0
        assert int(conv.input_below) in (below, below + 1)
        if least == 0:
            expected = 3 * float(x.std()) / math.sqrt(1 - 2 / math.pi)
            assert float(conv.input_span.detach()) == pytest.approx(expected)
        assert float(zero) == 0
