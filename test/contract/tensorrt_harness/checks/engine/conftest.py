# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An engine of plans that come from no builder, on a simulated GPU."""

import pytest
from rtformer_ros.engines import engine_table
from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.engines.tensorrt.frames import frame_runner
from rtformer_ros.engines.tensorrt.run import runner
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from simulated_cudart import SimulatedCudart
from tensorrt_harness.simulated_frame_plan import SimulatedFramePlan
from tensorrt_harness.simulated_plan import HEIGHT, SimulatedPlan, WIDTH
from tensorrt_harness.simulated_preparations import Preparations, TARGET


@pytest.fixture
def preparations(monkeypatch):
    made = Preparations()
    monkeypatch.setattr(engine_table, 'find_gpu', lambda: TARGET.gpu)
    monkeypatch.setattr(find_or_build, 'find_target', lambda request: TARGET)
    monkeypatch.setattr(find_or_build, 'prepare_plan', made.prepare_plan)
    monkeypatch.setattr(find_or_build, 'discard_plan', made.discard_plan)
    return made


@pytest.fixture
def cudart(monkeypatch):
    made = SimulatedCudart()
    for each in (runner, frame_runner):
        monkeypatch.setattr(each, 'open_cuda', lambda index: Cudart(made, index))
    yield made
    assert made.leaks == []


@pytest.fixture
def plan(stand_ins, cudart, preparations):
    return SimulatedPlan(stand_ins, cudart).install()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'an ONNX model')
    return path


@pytest.fixture
def frame_plan(plan, stand_ins, cudart):
    """Let plans for frames load, too; both show red as class and blue as confidence."""
    made = SimulatedFramePlan(stand_ins, cudart, 'yuyv', (HEIGHT, WIDTH))
    plan.compute = lambda image: {'class_map': image[..., 0], 'confidence': image[..., 2]}
    answers = {b'plan': lambda: stand_ins.make('ICudaEngine'), b'frames': made.engine}
    stand_ins.answer(
        'Runtime.deserialize_cuda_engine', lambda runtime, content, *_: answers[content]()
    )
    return made
