# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the learning rate against PyTorch's schedulers and closed forms."""

import math

import pytest
from rtformer_ros.training.optimizer import lr_at
from rtformer_ros.training.recipe import ScheduleRecipe
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, PolynomialLR

STEPS, PEAK = 40, 0.3


def pytorch_rates(scheduler, count):
    rates = []
    for _ in range(count):
        rates.append(scheduler.optimizer.param_groups[0]['lr'])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], PEAK)


def test_warm_up_is_linear():
    recipe = ScheduleRecipe(warmup_steps=10)
    expected = pytorch_rates(LinearLR(optimizer(), 0.1, 1.0, total_iters=9), 10)
    assert [lr_at(i, STEPS, PEAK, recipe) for i in range(10)] == pytest.approx(expected)


@pytest.mark.parametrize('power', [0.9, 1.0, 2.0])
def test_poly_is_polynomial(power):
    recipe = ScheduleRecipe('poly', warmup_steps=0, power=power, final_lr=0.0)
    expected = pytorch_rates(PolynomialLR(optimizer(), STEPS, power), STEPS + 1)
    assert [lr_at(i, STEPS, PEAK, recipe) for i in range(STEPS + 1)] == pytest.approx(expected)


def test_cosine_is_half_a_cosine():
    recipe = ScheduleRecipe('cosine', warmup_steps=0, final_lr=0.01)
    expected = pytorch_rates(CosineAnnealingLR(optimizer(), STEPS, eta_min=0.01), STEPS + 1)
    assert [lr_at(i, STEPS, PEAK, recipe) for i in range(STEPS + 1)] == pytest.approx(expected)


def test_stable_holds_and_then_falls():
    recipe = ScheduleRecipe('stable', warmup_steps=4, power=1.0, final_lr=0.1, decay_share=0.25)
    rates = [lr_at(i, STEPS, PEAK, recipe) for i in range(STEPS + 1)]
    assert rates[3:31] == [PEAK] * 28
    assert rates[35] == pytest.approx((PEAK + 0.1) / 2)
    assert rates[40] == pytest.approx(0.1)


def test_stable_run_may_be_prolonged_unplanned():
    recipe = ScheduleRecipe('stable', warmup_steps=4, decay_share=0.5)
    short, long = ([lr_at(i, n, PEAK, recipe) for i in range(20)] for n in (40, 80))
    assert short == long


@pytest.mark.parametrize('kind', ['poly', 'cosine', 'stable'])
def test_rates_stay_finite_where_the_run_is_shorter_than_its_warm_up(kind):
    rates = [lr_at(i, 3, PEAK, ScheduleRecipe(kind, warmup_steps=100)) for i in range(5)]
    assert all(math.isfinite(rate) and rate >= 0 for rate in rates)
    assert rates[:3] == pytest.approx([PEAK / 3, PEAK * 2 / 3, PEAK])


def test_warm_up_and_cosine_follow_one_another():
    recipe = ScheduleRecipe('cosine', warmup_steps=8, final_lr=0.01)
    for step in range(STEPS + 1):
        if step < 8:
            expected = PEAK * (step + 1) / 8
        else:
            half_cosine = 0.5 * (1 + math.cos(math.pi * (step - 8) / (STEPS - 8)))
            expected = 0.01 + (PEAK - 0.01) * half_cosine
        assert lr_at(step, STEPS, PEAK, recipe) == pytest.approx(expected)
