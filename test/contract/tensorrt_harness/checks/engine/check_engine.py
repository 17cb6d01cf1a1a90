# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Open ONNX files as the node does: real bindings, a simulated GPU."""

from pathlib import Path
import threading

import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, needs_build, open_engine
from rtformer_ros.errors import (
    EngineBuildNeeded,
    EngineClosed,
    EngineError,
    EngineUnavailable,
    ModelError,
)
from simulated_cudart import Status
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, WIDTH
from tensorrt_harness.simulated_preparations import FIVE


@pytest.mark.usefixtures('plan')
@pytest.mark.parametrize(
    ('is_new', 'origin'), [(True, 'built in 12 s'), (False, 'plan from the cache')]
)
def test_an_engine_says_what_it_runs(model, preparations, is_new, origin):
    preparations.is_new = is_new
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    described = engine.description
    assert (described.engine, described.device, described.model) == ('tensorrt', 'cuda:0', model)
    assert (described.height, described.width, described.labels) == (HEIGHT, WIDTH, FIVE)
    assert described.detail == (
        f'TensorRT 10.3.0.26, Orin, FP16, {origin}, CUDA graph, batches of 1 and 4, cuda-python'
    )
    assert preparations.forced == [False]
    engine.close()


@pytest.mark.usefixtures('plan')
def test_an_engine_segments_until_it_is_closed(model):
    engine = open_engine(EngineRequest(model, 'auto'))
    assert engine.description.engine == 'tensorrt'
    for count in (1, 4, 6):
        assert_ours(engine.infer(images(count)), images(count))
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed, match=r'tensorrt engine of .* is closed'):
        engine.infer(images(1))


@pytest.mark.usefixtures('plan')
def test_int8_is_the_file_beside_the_model(model):
    asked = EngineRequest(model, 'tensorrt', precision='int8')
    with pytest.raises(
        ModelError, match=r'm_int8\.onnx beside .* --precision int8 --for tensorrt'
    ):
        open_engine(asked)
    beside = model.with_name('m_int8.onnx')
    beside.write_bytes(b'an INT8 model')
    engine = open_engine(asked)
    assert engine.description.model == beside
    engine.close()


def test_a_cached_plan_that_no_longer_loads_is_built_again(
    plan, stand_ins, model, preparations, caplog
):
    loads = iter([None, stand_ins.make('ICudaEngine')])
    stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: next(loads))
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    assert (preparations.forced, preparations.discarded) == ([False, True], 1)
    assert any('is built again: TensorRT' in message for message in caplog.messages)
    assert_ours(engine.infer(images(1)), images(1))
    engine.close()


def test_who_does_not_wait_gets_no_build_in_place_of_a_refused_plan(
    plan, stand_ins, model, preparations
):
    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    for engine in ('auto', 'tensorrt'):
        with pytest.raises(EngineBuildNeeded, match='cannot load the plan'):
            open_engine(EngineRequest(model, engine, may_build=False))
    assert (preparations.forced, preparations.discarded) == ([False] * 2, 2)


def test_memory_that_is_short_is_no_reason_to_build_again(plan, model, preparations, cudart):
    cudart.failing['cudaMalloc'] = Status.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match='cudaErrorMemoryAllocation'):
        open_engine(EngineRequest(model, 'tensorrt'))
    assert (preparations.forced, preparations.discarded) == ([False], 0)


def test_a_new_plan_that_does_not_load_is_an_error(plan, stand_ins, model, preparations):
    preparations.is_new = True
    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    with pytest.raises(EngineError, match='cannot load the plan'):
        open_engine(EngineRequest(model, 'tensorrt'))
    assert preparations.forced == [False]


def test_a_plan_that_returns_something_else_is_refused(plan, model):
    plan.outputs = {'class_map': ('INT32', (-1, HEIGHT, WIDTH))}
    plan.compute = lambda image: {'class_map': image[..., 0].astype(np.int32)}
    plan.install()
    with pytest.raises(ModelError, match='described as returning class_map_confidence: '):
        open_engine(EngineRequest(model, 'tensorrt'))


def test_an_error_while_running_ends_only_that_call(plan, model, cudart):
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    cudart.failing['cudaGraphLaunch'] = Status.cudaErrorIllegalAddress
    with pytest.raises(EngineError, match='cudaGraphLaunch failed: text of cudaErrorIllegal'):
        engine.infer(images(1))
    assert_ours(engine.infer(images(1)), images(1))
    engine.close()


@pytest.mark.usefixtures('plan')
def test_closing_from_another_thread_waits_for_the_call(model):
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    results, started = [], threading.Event()

    def run():
        try:
            while True:
                results.append(engine.infer(images(5)))
                started.set()
        except EngineClosed as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(30)
    engine.close()
    thread.join(30)
    assert isinstance(results.pop(), EngineClosed)
    for batch in results:
        assert_ours(batch, images(5))


def test_without_a_gpu_nothing_is_built(model, real_tensorrt, tmp_path, monkeypatch):
    """The real bindings, the real driver's absence."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'ros'))
    assert not needs_build(EngineRequest(model))
    with pytest.raises(EngineUnavailable, match='NVIDIA'):
        open_engine(EngineRequest(model, 'tensorrt'))
    with pytest.raises(EngineUnavailable, match='device is cpu, but TensorRT runs on NVIDIA GPUs'):
        open_engine(EngineRequest(model, 'tensorrt', device='cpu'))
    assert not Path(tmp_path / 'ros').exists()
