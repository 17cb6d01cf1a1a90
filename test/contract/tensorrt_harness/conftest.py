# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Give the checks the version that the environment variable TENSORRT_BINDINGS names."""

import os
import sys

import pytest
from rtformer_ros.engines.tensorrt.messages import shared_logger
from simulated_cudart import DISCRETE, SimulatedCudart
from tensorrt_wheels import BindingsMissing, WHEELS

from tensorrt_harness.real_module import load
from tensorrt_harness.stand_ins import StandIns


@pytest.fixture(scope='session')
def version():
    """Return the numbers of the version under test: (10, 13, 3)."""
    return tuple(int(part) for part in os.environ['TENSORRT_BINDINGS'].split('.'))


@pytest.fixture(scope='session')
def real():
    """Return the real bindings; without a GPU their factories give null pointers."""
    try:
        return load(WHEELS[os.environ['TENSORRT_BINDINGS']])
    except BindingsMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def stand_ins(real, monkeypatch):
    """Return new stand-ins, which are the module tensorrt for as long as the test runs."""
    made = StandIns(real)
    monkeypatch.setitem(sys.modules, 'tensorrt', made.module)
    return made


@pytest.fixture
def real_tensorrt(real, monkeypatch):
    """Make the real bindings the module tensorrt for as long as the test runs."""
    monkeypatch.setitem(sys.modules, 'tensorrt', real)
    return real


@pytest.fixture
def trt(stand_ins):
    return stand_ins.module


@pytest.fixture
def is_typed(version):
    return version >= (10,)


@pytest.fixture
def network(stand_ins, trt):
    """Let every network have an input of any number of images and no layers."""
    image = stand_ins.make('ITensor', name='image', shape=(-1, 360, 480, 3))
    stand_ins.answer('INetworkDefinition.num_inputs', 1)
    stand_ins.answer('INetworkDefinition.get_input', image)
    stand_ins.answer('INetworkDefinition.num_outputs', 2)
    stand_ins.answer('INetworkDefinition.num_layers', 0)
    stand_ins.answer('IBuilderConfig.add_optimization_profile', 0)
    stand_ins.answer('ITimingCache.serialize', stand_ins.memory(b'timings'))
    stand_ins.answer('Builder.build_serialized_network', stand_ins.memory(b'the plan'))
    stand_ins.answer('OnnxParser.num_errors', 0)
    return image


@pytest.fixture
def say(stand_ins, trt):
    """Return a function that says something as TensorRT does, with the name of its severity."""

    def say_(severity, text):
        level = getattr(trt.ILogger.Severity, severity)
        stand_ins.call_back(shared_logger(trt), 'log', level, text)

    return say_


@pytest.fixture
def cudart(request):
    """Return a simulated GPU, a discrete one where a test does not name another."""
    return SimulatedCudart(properties=getattr(request, 'param', DISCRETE))


@pytest.fixture
def closed_at_the_end(cudart):
    """Return a function that takes over a runner; in the end nothing may be left on the GPU."""
    opened = []

    def take_over(runner):
        opened.append(runner)
        return runner

    yield take_over
    for runner in opened:
        runner.close()
        runner.close()
    assert cudart.leaks == []
