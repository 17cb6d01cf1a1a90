# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run plans as ours are: the calls are the real bindings', the GPU is simulated."""

import sys

import pytest
from rtformer_ros.errors import EngineError, EngineUnavailable
from simulated_cudart import DISCRETE, ORIN, Status
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, WIDTH

on_an_integrated_gpu = pytest.mark.parametrize('cudart', [ORIN], indirect=True, ids=['Orin'])


@pytest.mark.parametrize('use_graph', [True, False])
@pytest.mark.parametrize('count', [1, 2, 3, 4, 5, 9])
def test_any_number_of_images_runs(plan, open_runner, use_graph, count):
    plan.install()
    runner = open_runner(use_graph=use_graph)
    assert (runner.height, runner.width, runner.batches) == (HEIGHT, WIDTH, (1, 4))
    for seed in range(2):
        assert_ours(runner.run(images(count, seed)), images(count, seed))


def test_a_frame_costs_one_upload_and_one_download(plan, cudart, open_runner):
    plan.install()
    runner = open_runner()
    assert runner.how.startswith('CUDA graph, batches of 1 and 4, '), runner.how
    assert plan.enqueued == [False, True] * 2
    _, calls = cudart.calls_of(lambda: runner.run(images(1)))
    assert calls == [
        'cudaSetDevice', 'cudaMemcpyAsync', 'cudaGraphLaunch', 'cudaMemcpyAsync',
        'cudaStreamSynchronize',
    ]  # fmt: skip
    assert len(plan.enqueued) == 4


@on_an_integrated_gpu
@pytest.mark.parametrize('use_graph', [True, False])
def test_images_are_not_copied_where_memory_is_mapped(plan, cudart, open_runner, use_graph):
    plan.install()
    runner = open_runner(use_graph=use_graph)
    assert runner.how.endswith(', mapped memory')
    for seed, count in enumerate((1, 5, 4)):
        assert_ours(runner.run(images(count, seed)), images(count, seed))
    assert cudart.count('cudaMemcpyAsync') == 0


def test_shapes_and_addresses_are_set_once(plan, stand_ins, open_runner):
    plan.install()
    runner = open_runner()
    calls = len(stand_ins.calls)
    runner.run(images(5))
    assert len(stand_ins.calls) == calls
    addresses = stand_ins.arguments('IExecutionContext.set_tensor_address')
    assert [call['name'] for call in addresses] == ['image', 'class_map', 'confidence'] * 2
    assert len({call['memory'] for call in addresses}) == 6
    streams = stand_ins.arguments('IExecutionContext.execute_async_v3')
    assert {call['stream_handle'] for call in streams} - {0} != set()


def test_a_refused_graph_is_not_replayed(plan, cudart, open_runner):
    plan.is_refused_in_graph = True
    plan.install()
    runner = open_runner()
    assert runner.how.startswith('no CUDA graph (the work was refused while a CUDA graph was')
    assert_ours(runner.run(images(2)), images(2))
    assert cudart.count('cudaGraphLaunch') == 0


@pytest.mark.parametrize('cudart', [DISCRETE, ORIN], indirect=True, ids=['copies', 'mapped'])
def test_a_graph_that_does_nothing_is_not_replayed(plan, cudart, open_runner):
    plan.install()
    answer = plan.execute
    plan.stand_ins.answer(
        'IExecutionContext.execute_async_v3',
        lambda context, stream: bool(cudart._recording) or answer(context, stream),
    )
    runner = open_runner()
    assert runner.how.startswith('no CUDA graph (the recorded CUDA graph returns something else')
    assert_ours(runner.run(images(4)), images(4))


@pytest.mark.parametrize(
    'function', ['cudaStreamBeginCapture', 'cudaStreamEndCapture', 'cudaGraphInstantiateWithFlags']
)
def test_a_graph_that_cannot_be_recorded_is_done_without(plan, cudart, open_runner, function):
    plan.batches = [(1, 1, 1)]
    plan.install()
    cudart.failing[function] = Status.cudaErrorStreamCaptureUnsupported
    runner = open_runner()
    assert f'{function} failed: text of cudaErrorStreamCaptureUnsupported' in runner.how
    assert_ours(runner.run(images(1)), images(1))


def test_a_plan_for_a_fixed_number_of_images_is_padded(plan, open_runner):
    plan.inputs = {'image': ('UINT8', (3, HEIGHT, WIDTH, 3))}
    plan.install()
    runner = open_runner()
    assert runner.batches == (3,)
    for count in (1, 3, 4):
        assert_ours(runner.run(images(count)), images(count))


def test_a_second_context_that_is_refused_costs_only_the_larger_batch(plan, open_runner):
    plan.refused_batches = (4,)
    plan.install()
    runner = open_runner()
    assert runner.batches == (1,)
    refused = 'TensorRT refuses the shape (4, 6, 10, 3) for calls of 4 image(s)'
    assert f'batches of 1 only ({refused}' in runner.how
    assert_ours(runner.run(images(5)), images(5))


def test_a_refused_profile_costs_only_the_larger_batch(plan, open_runner):
    plan.refused_profiles = (1,)
    plan.install()
    runner = open_runner()
    assert runner.batches == (1,)
    refused = 'TensorRT refuses the profile 1 for calls of 4 image(s)'
    assert f'batches of 1 only ({refused}' in runner.how


def test_contexts_have_a_profile_each_and_share_their_scratch(
    plan, cudart, stand_ins, open_runner
):
    plan.scratch_bytes = 12345
    plan.install()
    runner = open_runner()
    profiles = stand_ins.arguments('IExecutionContext.set_optimization_profile_async')
    assert [call['profile_index'] for call in profiles] == [1]
    shared = [
        call.get('memory', call.get('value'))
        for name in ('set_device_memory', 'device_memory')
        for call in stand_ins.arguments(f'IExecutionContext.{name}')
    ]
    assert len(shared) == 2
    assert len(set(shared)) == 1
    assert cudart.device[shared[0]].nbytes == plan.scratch_bytes
    runner.close()


def test_one_number_of_images_needs_no_shared_scratch(plan, stand_ins, open_runner):
    plan.batches = [(1, 1, 1)]
    plan.install()
    open_runner()
    for name in ('set_device_memory', 'device_memory', 'set_optimization_profile_async'):
        if hasattr(plan.trt.IExecutionContext, name):
            assert stand_ins.arguments(f'IExecutionContext.{name}') == []


def test_results_belong_to_the_caller(plan, open_runner):
    plan.install()
    runner = open_runner()
    first = runner.run(images(1))
    runner.run(images(1, seed=1))
    assert_ours(first, images(1))
    assert first.class_map_nhw.flags.owndata
    runner.close()
    assert_ours(first, images(1))


def test_a_plan_that_does_not_load_is_refused_in_tensorrts_words(stand_ins, open_runner):
    trt = stand_ins.module

    def deserialize(runtime, plan, *rest):
        logger = stand_ins.arguments('Runtime')[-1]['logger']
        severity = trt.ILogger.Severity.ERROR
        stand_ins.call_back(logger, 'log', severity, 'magicTag does not match')

    stand_ins.answer('Runtime.deserialize_cuda_engine', deserialize)
    with pytest.raises(EngineError, match=r'cannot load the plan.*magicTag does not match'):
        open_runner()


def test_a_gpu_that_tensorrt_does_not_take_is_unavailable(stand_ins, open_runner):
    def refuse(*arguments):
        raise TypeError('pybind11::init(): factory function returned nullptr')

    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    stand_ins.module.Runtime = refuse
    with pytest.raises(EngineUnavailable, match=r'cannot start on this GPU .*returned nullptr'):
        open_runner()


def test_no_context_no_runner(plan, stand_ins, open_runner):
    plan.batches = [(1, 1, 1)]
    plan.install()
    stand_ins.answer('ICudaEngine.create_execution_context', None)
    with pytest.raises(EngineError, match='cannot make room for calls of 1 image'):
        open_runner()


@pytest.mark.parametrize('call', ['set_input_shape', 'set_tensor_address', 'execute_async_v3'])
def test_a_refusal_is_an_error(plan, stand_ins, open_runner, call):
    plan.batches = [(1, 1, 1)]
    plan.install()
    stand_ins.answer(f'IExecutionContext.{call}', False)
    with pytest.raises(EngineError, match=r'TensorRT refuses .*TensorRT says: nothing'):
        open_runner()


@pytest.mark.parametrize(
    'function', ['cudaMalloc', 'cudaHostAlloc', 'cudaMemcpyAsync', 'cudaStreamSynchronize']
)
def test_an_error_of_cuda_while_opening_leaves_nothing_behind(plan, cudart, open_runner, function):
    plan.install()
    cudart.failing[function] = Status.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match=f'{function} failed: text of cudaErrorMemoryAllocation'):
        open_runner()


def test_an_error_of_cuda_while_running_is_raised_and_the_next_call_may_succeed(
    plan, cudart, open_runner
):
    plan.install()
    runner = open_runner()
    cudart.failing['cudaStreamSynchronize'] = Status.cudaErrorIllegalAddress
    with pytest.raises(EngineError, match='cudaStreamSynchronize failed'):
        runner.run(images(1))
    assert_ours(runner.run(images(1)), images(1))


def test_closing_frees_in_order(plan, cudart, open_runner):
    """Graphs before memory, the stream last; the simulation refuses to free what is in use."""
    plan.install()
    runner = open_runner()
    _, calls = cudart.calls_of(runner.close)
    freed = [name for name in calls if 'Free' in name or 'Destroy' in name]
    execution = ['cudaGraphExecDestroy', 'cudaFreeHost', 'cudaFree', 'cudaFreeHost', 'cudaFree']
    assert freed == [*execution * 2, 'cudaFree', 'cudaStreamDestroy']
    assert cudart.leaks == []


def test_closing_lets_go_of_all_that_tensorrt_made(plan, stand_ins, open_runner):
    plan.install()
    engine = stand_ins.make('ICudaEngine')
    stand_ins.answer('Runtime.deserialize_cuda_engine', engine)
    runner = open_runner()
    [made] = [call.target for call in stand_ins.calls if call.name == 'Runtime']
    held = [made, engine, *[context for context, _, _ in plan.contexts]]
    assert len(held) == 4
    before = [sys.getrefcount(each) for each in held]
    runner.close()
    after = [sys.getrefcount(each) for each in held]
    assert [b - a for b, a in zip(before, after, strict=True)] == [1, 1, 1, 1]
