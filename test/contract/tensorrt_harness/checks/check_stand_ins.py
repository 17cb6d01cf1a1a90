# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check that the stand-ins refuse what a version of TensorRT lacks, and that they are typed."""

import pytest
from tensorrt_harness.stand_ins import Unanswered


@pytest.fixture
def trt(stand_ins):
    return stand_ins.module


@pytest.fixture
def logger(trt):
    return trt.Logger(trt.Logger.ERROR)


@pytest.fixture
def builder(trt, logger):
    return trt.Builder(logger)


def test_what_is_under_test_is_the_version(trt, version):
    assert trt.__version__.split('.')[:3] == [str(number) for number in version]


def test_the_real_factories_find_no_gpu(real):
    """So that the stand-ins are needed, and how TensorRT says it."""
    logger = real.Logger(real.Logger.ERROR)
    with pytest.raises(TypeError, match='factory function returned nullptr'):
        real.Builder(logger)
    with pytest.raises(TypeError, match='factory function returned nullptr'):
        real.Runtime(logger)


def test_names_that_a_version_lacks_are_refused(stand_ins, trt, builder, version):
    config = builder.create_builder_config()
    removed = {
        'FP16': lambda: config.set_flag(trt.BuilderFlag.FP16),
        'platform': lambda: stand_ins.answer('Builder.platform_has_fast_fp16', True),
        'reader': lambda: trt.IStreamReader,
        'size': lambda: stand_ins.answer('ICudaEngine.device_memory_size', 1),
        'batch': lambda: trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH,
    }
    added = {
        'typed': lambda: trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED,
        'monitor': lambda: trt.IProgressMonitor,
        'reader': lambda: trt.IStreamReader,
        'node': lambda: stand_ins.answer('ParserError.node_name', ''),
    }
    missing = removed if version >= (11,) else added if version < (10,) else {}
    for use in missing.values():
        with pytest.raises(AttributeError):
            use()
    for name, use in {**removed, **added}.items():
        if name not in missing and not (name in removed and name in added):
            use()


def test_names_that_no_version_has_are_refused(trt, builder):
    config = builder.create_builder_config()
    for target in (builder, config):
        with pytest.raises(AttributeError):
            target.create_netwrok()
        with pytest.raises(AttributeError):
            target.optimisation_level = 3
        with pytest.raises(AttributeError):
            target.build_serialized_network = None
    with pytest.raises(AttributeError):
        builder.logger = 1


def test_arguments_are_held_to_the_signature(trt, builder, logger):
    network, config = builder.create_network(0), builder.create_builder_config()
    workspace = trt.MemoryPoolType.WORKSPACE
    config.set_memory_pool_limit(pool=workspace, pool_size=1 << 30)
    for wrong in [
        lambda: config.set_memory_pool_limit(workspace),
        lambda: config.set_memory_pool_limit(workspace, 1, 2),
        lambda: config.set_memory_pool_limit(workspace, 1.0),
        lambda: config.set_memory_pool_limit(workspace, size=1),
        lambda: config.set_memory_pool_limit(0, 1),
        lambda: config.set_flag(trt.MemoryPoolType.WORKSPACE),
        lambda: builder.create_network(trt.BuilderFlag.TF32),
        lambda: builder.build_serialized_network(config, network),
        lambda: trt.OnnxParser(logger, network),
        lambda: trt.Builder(None),
        lambda: trt.IBuilderConfig(),
        lambda: setattr(config, 'builder_optimization_level', 'high'),
    ]:
        with pytest.raises(TypeError):
            wrong()


def test_overloads_shapes_and_buffers_are_understood(stand_ins, trt, logger):
    stand_ins.answer('ICudaEngine.get_tensor_shape', (-1, 2, 3))
    engine = trt.Runtime(logger).deserialize_cuda_engine(b'plan')
    assert type(engine) is trt.ICudaEngine
    assert tuple(engine.get_tensor_shape('image')) == (-1, 2, 3)
    context = engine.create_execution_context()
    for shape in [(1, 2), [1, 2], trt.Dims((1, 2))]:
        assert context.set_input_shape('image', shape) is True
    with pytest.raises(TypeError, match=r'set_input_shape\(\): incompatible function arguments'):
        context.set_input_shape('image', 'wide')
    with pytest.raises(TypeError, match=r'deserialize_cuda_engine\(\): incompatible'):
        trt.Runtime(logger).deserialize_cuda_engine('plan.engine')


def test_memory_is_a_buffer_and_nothing_more(stand_ins):
    memory = stand_ins.memory(b'plan')
    assert (bytes(memory), memory.nbytes, memoryview(memory).nbytes) == (b'plan', 4, 4)
    with pytest.raises(TypeError):
        len(memory)


def test_answers_are_held_to_the_signature_too(stand_ins, trt, logger):
    engine = stand_ins.make('ICudaEngine', name='small')
    assert engine.name == 'small'
    with pytest.raises(Unanswered, match=r'say what ICudaEngine\.num_io_tensors gives \(int\)'):
        print(engine.num_io_tensors)
    stand_ins.answer('ICudaEngine.num_io_tensors', 'two')
    with pytest.raises(AssertionError, match="returns int; 'two' was given"):
        print(engine.num_io_tensors)
    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    assert trt.Runtime(logger).deserialize_cuda_engine(b'') is None
    with pytest.raises(AttributeError):
        stand_ins.make('ICudaEngine', nmae='small')


def test_calls_are_recorded(stand_ins, builder, logger):
    builder.create_network(flags=4)
    config = builder.create_builder_config()
    config.avg_timing_iterations = 2
    assert config.avg_timing_iterations == 2
    assert stand_ins.arguments('Builder') == [{'logger': logger}]
    assert stand_ins.arguments('Builder.create_network') == [{'flags': 4}]
    assert stand_ins.arguments('IBuilderConfig.avg_timing_iterations') == [{'value': 2}]
    assert stand_ins.calls[0].target is builder


def test_objects_of_the_application_are_called_as_tensorrt_does(stand_ins, trt):
    class Logger(trt.ILogger):
        def __init__(self):
            trt.ILogger.__init__(self)
            self.lines = []

        def log(self, severity, msg):
            self.lines.append((severity, msg))
            return 'heard' if msg == 'loud' else None

    logger = Logger()
    stand_ins.call_back(logger, 'log', trt.ILogger.Severity.ERROR, 'no')
    assert logger.lines == [(trt.ILogger.Severity.ERROR, 'no')]
    with pytest.raises(TypeError):
        stand_ins.call_back(logger, 'log', 'ERROR', 'no')
    with pytest.raises(AssertionError, match="returns None; 'heard' was given"):
        stand_ins.call_back(logger, 'log', trt.ILogger.Severity.ERROR, 'loud')


def test_names_can_be_taken_away(stand_ins, builder):
    stand_ins.forget('IBuilderConfig.builder_optimization_level')
    with pytest.raises(AttributeError):
        builder.create_builder_config().builder_optimization_level = 3
