# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run plans of many kinds: the calls are the real bindings', the GPU is simulated."""

from dataclasses import replace
import sys

from foreign_onnx import FORMS
import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.build.graph import compile_graph
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import ConfigError, EngineError, EngineUnavailable, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import InputFormat, ModelMetadata
from simulated_cudart import DISCRETE, ORIN, SimulatedCudart, Status
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, SimulatedPlan, WIDTH

OURS = ModelMetadata(labels=LabelSet.generic(5))


@pytest.fixture
def cudart(request):
    return SimulatedCudart(properties=getattr(request, 'param', DISCRETE))


on_an_integrated_gpu = pytest.mark.parametrize('cudart', [ORIN], indirect=True, ids=['Orin'])


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
    before = len(cudart.calls)
    runner.run(images(1))
    assert [name for name, _ in cudart.calls[before:]] == [
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


@pytest.mark.parametrize(
    ('batches', 'used'), [([(1, 2, 4)], (1, 4)), ([(1, 8, 8), (1, 1, 1), (2, 2, 6)], (1, 8))]
)
def test_profiles_of_other_programs_are_used(plan, stand_ins, open_runner, batches, used):
    plan.batches = batches
    plan.install()
    runner = open_runner()
    assert runner.batches == used
    assert_ours(runner.run(images(9)), images(9))


def test_results_belong_to_the_caller(plan, open_runner):
    plan.install()
    runner = open_runner()
    first = runner.run(images(1))
    runner.run(images(1, seed=1))
    assert_ours(first, images(1))
    assert first.class_map_nhw.flags.owndata
    runner.close()
    assert_ours(first, images(1))


def test_other_programs_plans_are_read_by_their_description(plan, open_runner):
    """Normalised BGR planes in, float logits at half the size out, sizes to choose from."""
    plan.inputs = {'input.1': ('FLOAT', (-1, 3, -1, -1))}
    plan.outputs = {'logits': ('FLOAT', (-1, 3, HEIGHT, WIDTH))}
    plan.compute = lambda planes: {'logits': planes}
    form = InputFormat('nchw_float', 'bgr', mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3))
    plan.batches = [(1, 1, 2)]
    plan.profile = lambda name, profile: [
        plan.trt.Dims(shape) for shape in [(1, 3, 2, 2), (1, 3, 4, 4), (2, 3, 8, 16)]
    ]
    plan.install()
    described = ModelMetadata(labels=LabelSet.generic(3), input=form, output='logits')
    runner = open_runner(described, network_size=(HEIGHT, WIDTH))
    normalised = (images(3)[..., ::-1] / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.4, 0.3]
    batch = runner.run(images(3))
    assert np.array_equal(batch.class_map_nhw, normalised.argmax(axis=3))
    exponentials = np.exp(normalised)
    probability = exponentials.max(axis=3) / exponentials.sum(axis=3)
    assert np.abs(batch.confidence_nhw - 255 * probability).max() <= 0.51
    with pytest.raises(
        ConfigError, match=r'network_size is \(9, 9\), but the plan takes \[2, 2\]'
    ):
        open_runner(described, network_size=(9, 9))


@pytest.mark.parametrize('form', FORMS, ids=lambda each: each.name)
def test_every_word_of_a_sidecar_holds(plan, open_runner, tmp_path, form):
    """Of a plan that returns what the graph that is compiled returns."""
    model = form.write(tmp_path / 'm.onnx')
    (tmp_path / 'work').mkdir()
    graph = compile_graph(model, 'fp32', (6, 8), tmp_path / 'work')
    plan.imitate(graph.path)
    images_nhwc = np.random.default_rng(7).integers(0, 256, (3, 6, 8, 3), np.uint8)
    classes, probability, clear = form.expected(images_nhwc)
    batch = open_runner(graph.metadata).run(images_nhwc, 4)
    is_clear = clear > 1e-2
    assert (batch.class_map_nhw == classes)[is_clear].all()
    tolerance = 1.5 if form.model.channels == 1 else 0.51
    assert np.abs(batch.confidence_nhw - 255 * probability)[is_clear].max() <= tolerance


def test_the_named_output_of_several_is_read(plan, open_runner):
    plan.outputs = dict.fromkeys(
        ('auxiliary', 'other', 'scores'), ('FLOAT', (-1, 2, HEIGHT, WIDTH))
    )
    plan.compute = lambda image: {
        name: np.moveaxis(image[..., [0, 1]], 3, 1).astype(np.float32) * sign
        for name, sign in (('auxiliary', -1), ('other', 0), ('scores', 1))
    }
    plan.install()
    batch = open_runner(ModelMetadata(output='logits', output_name='scores')).run(images(2))
    assert np.array_equal(batch.class_map_nhw, images(2)[..., :2].argmax(axis=3))
    with pytest.raises(ModelError, match=r'output_name: none, .* outputs auxiliary, other, sco'):
        open_runner(ModelMetadata(output='logits', output_name='none'))


@pytest.mark.parametrize('wanted', [None, (HEIGHT, WIDTH)])
def test_a_plan_for_several_sizes_runs_at_the_one_that_is_named(plan, open_runner, wanted):
    plan.inputs = {'image': ('UINT8', (-1, -1, -1, 3))}
    plan.batches = [(1, 1, 2)]
    plan.profile = lambda name, profile: [
        plan.trt.Dims(shape) for shape in [(1, 2, 2, 3), (1, 4, 4, 3), (2, 8, 16, 3)]
    ]
    plan.install()
    described = {None: (HEIGHT, WIDTH), (HEIGHT, WIDTH): (3, 5)}[wanted]
    metadata = replace(OURS, height=described[0], width=described[1])
    assert_ours(open_runner(metadata, network_size=wanted).run(images(2)), images(2))
    with pytest.raises(ConfigError, match=r'its size is \(9, 5\), but .* mend size in its desc'):
        open_runner(replace(OURS, height=9, width=5))


def test_class_indices_are_read(plan, open_runner):
    plan.outputs = {'index': ('INT32', (-1, 1, HEIGHT, WIDTH))}
    plan.compute = lambda image: {'index': (image[..., 0] // 64)[:, None].astype(np.int32)}
    plan.install()
    batch = open_runner(ModelMetadata(output='class_index')).run(images(2), 2)
    expected = images(2)[..., 0] // 64
    assert np.array_equal(batch.class_map_nhw, np.where(expected < 2, expected, 255))


@pytest.mark.parametrize(
    ('inputs', 'message'),
    [
        ({}, 'the plan has the inputs none'),
        ({'a': ('UINT8', (1, 2, 2, 3)), 'b': ('UINT8', (1,))}, r"inputs \['a', 'b'\]"),
        ({'image': ('UINT8', (1, 2, 2, 4))}, r'takes uint8 \[1, 2, 2, 4\]'),
        ({'image': ('FLOAT', (1, 2, 2, 3))}, 'but is described as nhwc_uint8 with 3 channel'),
        ({'image': ('INT8', (1, 3, 2, 2))}, 'takes int8'),
    ],
)
def test_a_plan_of_another_kind_is_refused(plan, open_runner, inputs, message):
    plan.inputs = inputs
    plan.install()
    with pytest.raises(ModelError, match=message):
        open_runner()


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
    before = len(cudart.calls)
    runner.close()
    freed = [name for name, _ in cudart.calls[before:] if 'Free' in name or 'Destroy' in name]
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
