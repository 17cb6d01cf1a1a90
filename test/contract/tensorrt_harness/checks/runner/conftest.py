# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A runner of a plan on a simulated GPU."""

import pytest
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from tensorrt_harness.simulated_plan import OURS, SimulatedPlan


@pytest.fixture
def plan(stand_ins, cudart):
    return SimulatedPlan(stand_ins, cudart)


@pytest.fixture
def open_runner(cudart, closed_at_the_end):
    """Return a function that opens a runner."""

    def open_(metadata=OURS, **arguments):
        return closed_at_the_end(
            PlanRunner(b'plan', metadata, cuda=Cudart(cudart, 0), **arguments)
        )

    return open_
