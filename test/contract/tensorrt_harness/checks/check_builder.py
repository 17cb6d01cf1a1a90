# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Drive the builder as each version of TensorRT has it."""

from dataclasses import replace
from pathlib import Path
import re

import pytest
from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.build.builder import build_plan
from rtformer_ros.engines.tensorrt.frames.frame_shapes import ShapeRange
from rtformer_ros.errors import (
    EngineBuildError,
    EngineBuildOutOfMemory,
    EngineUnavailable,
)

MODEL = Path('/models/street.onnx')
OPTIONS = BuildOptions(workspace_mib=256, optimization_level=2, max_batch=4)
PRECISIONS = ['fp16', 'fp32', 'typed']


@pytest.fixture
def says(say):
    """Return a function that makes the answer of a call that fails with messages."""

    def says_(result, *lines):
        def answer(*_):
            for line in lines:
                say(*line)
            return result

        return answer

    return says_


def build(precision='fp16', options=OPTIONS, **named):
    return build_plan(MODEL, precision, options, BuildWatch(), **named)


@pytest.mark.parametrize('precision', PRECISIONS)
def test_a_plan_is_built(stand_ins, network, precision):
    built = build(precision, timing_cache=b'earlier')
    assert (built.plan, built.timing_cache) == (b'the plan', b'timings')
    assert type(built.plan) is type(built.timing_cache) is bytes
    assert stand_ins.arguments('OnnxParser.parse_from_file') == [{'model': str(MODEL)}]
    assert stand_ins.arguments('IBuilderConfig.create_timing_cache') == [
        {'serialized_timing_cache': b'earlier'}
    ]


@pytest.mark.parametrize('precision', PRECISIONS)
def test_the_model_alone_says_its_precision(stand_ins, trt, network, precision, is_typed):
    build(precision)
    flags = trt.NetworkDefinitionCreationFlag
    expected = flags.STRONGLY_TYPED if is_typed else flags.EXPLICIT_BATCH
    assert stand_ins.arguments('Builder.create_network') == [{'flags': 1 << int(expected)}]
    set_ = [each['flag'] for each in stand_ins.arguments('IBuilderConfig.set_flag')]
    if is_typed or precision == 'fp32':
        assert set_ == []
    else:
        assert set_ == [trt.BuilderFlag.FP16, trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS]
    cleared = [each['flag'] for each in stand_ins.arguments('IBuilderConfig.clear_flag')]
    assert cleared == ([trt.BuilderFlag.TF32] if precision == 'fp32' else [])


def test_the_branch_for_other_versions_is_caught(network, version, is_typed, monkeypatch):
    """The proof that these checks find what a version lacks; 10.x has the names of both."""
    branch = 'rtformer_ros.engines.tensorrt.build.builder.is_strongly_typed'
    monkeypatch.setattr(branch, lambda trt: not is_typed)
    if (10,) <= version < (11,):
        assert build().plan == b'the plan'
        return
    lacking = 'EXPLICIT_BATCH' if is_typed else 'IProgressMonitor'
    with pytest.raises(AttributeError, match=lacking):
        build()


def test_options_arrive(stand_ins, trt, network):
    build()
    assert stand_ins.arguments('IBuilderConfig.set_memory_pool_limit') == [
        {'pool': trt.MemoryPoolType.WORKSPACE, 'pool_size': 256 * 1024**2}
    ]
    assert stand_ins.arguments('IBuilderConfig.builder_optimization_level') == [{'value': 2}]
    shapes = stand_ins.arguments('IOptimizationProfile.set_shape')
    assert shapes == [
        {'input': 'image', **dict.fromkeys(('min', 'opt', 'max'), (count, 360, 480, 3))}
        for count in (1, 4)
    ]
    assert stand_ins.arguments('ITensor.shape') == []


def test_one_image_is_no_dynamic_axis(stand_ins, network):
    build(options=replace(OPTIONS, max_batch=1))
    assert [tuple(call['value']) for call in stand_ins.arguments('ITensor.shape')] == [
        (1, 360, 480, 3)
    ]
    assert stand_ins.arguments('IBuilderConfig.add_optimization_profile') == []


def test_a_model_of_one_size_needs_no_profile(stand_ins, network):
    stand_ins.answer(
        'INetworkDefinition.get_input',
        stand_ins.make('ITensor', name='image', shape=(1, 360, 480, 3)),
    )
    build()
    assert stand_ins.arguments('IBuilderConfig.add_optimization_profile') == []


def test_a_model_of_any_image_size_is_refused(stand_ins, network):
    shape = (-1, -1, 480, 3)
    image = stand_ins.make('ITensor', name='image', shape=shape)
    stand_ins.answer('INetworkDefinition.get_input', image)
    with pytest.raises(
        EngineBuildError, match=r'input image of /models/street\.onnx has .*-1, -1'
    ):
        build()


def test_sizes_of_frames_are_one_profile_that_contexts_share(stand_ins, trt, network, is_typed):
    sizes = {
        'frame': ShapeRange((1, 2, 2, 3), (1, 1080, 1920, 3), (1, 2160, 3840, 3)),
        'mask_rows': ShapeRange((1,), (1080,), (2160,)),
    }
    assert build(shapes=sizes).plan == b'the plan'
    assert stand_ins.arguments('IOptimizationProfile.set_shape') == [
        {'input': name, 'min': each.smallest, 'opt': each.usual, 'max': each.largest}
        for name, each in sizes.items()
    ]
    assert len(stand_ins.arguments('IBuilderConfig.add_optimization_profile')) == 1
    set_ = stand_ins.arguments('IBuilderConfig.set_preview_feature')
    if is_typed:
        assert set_ == []
    else:
        sharing = trt.PreviewFeature.PROFILE_SHARING_0806
        assert set_ == [{'feature': sharing, 'enable': True}]
    stand_ins.answer('IBuilderConfig.add_optimization_profile', -1)
    with pytest.raises(EngineBuildError, match='refuses the sizes of frames for '):
        build(shapes=sizes)


def test_a_refused_profile_is_an_error(stand_ins, network):
    stand_ins.answer('IBuilderConfig.add_optimization_profile', -1)
    with pytest.raises(EngineBuildError, match='refuses batches of 1 '):
        build()


def test_all_errors_of_the_parser_are_told(stand_ins, network, is_typed):
    members = [('desc', 'no such operator'), ('node_name', 'norm'), ('node_operator', 'Foo')]
    first = dict(members if is_typed else members[:1])
    errors = [
        stand_ins.make('ParserError', **first),
        stand_ins.make('ParserError', **{**first, 'desc': 'wrong rank'}),
    ]
    stand_ins.answer('OnnxParser.parse_from_file', False)
    stand_ins.answer('OnnxParser.num_errors', 2)
    stand_ins.answer('OnnxParser.get_error', lambda parser, index: errors[index])
    with pytest.raises(EngineBuildError) as caught:
        build()
    node = ' (node norm, Foo)' if is_typed else ''
    assert f'street.onnx: no such operator{node}; wrong rank{node}. Export' in str(caught.value)


def test_a_file_that_the_parser_finds_nothing_in_is_told(stand_ins, network):
    stand_ins.answer('INetworkDefinition.num_outputs', 0)
    with pytest.raises(EngineBuildError, match=r'cannot read .*street\.onnx: it has no outputs'):
        build()


def test_a_parser_without_errors_leaves_the_logger(stand_ins, network, says):
    stand_ins.answer('OnnxParser.parse_from_file', says(False, ('ERROR', 'no such file')))
    with pytest.raises(EngineBuildError, match='TensorRT says: no such file'):
        build()


@pytest.mark.parametrize(
    ('lines', 'expected'),
    [
        ([('ERROR', 'Error Code 2: OutOfMemory (no further information)')], r'smaller workspace'),
        ([('ERROR', 'Cuda Runtime (out of memory)')], r'workspace_mib \(now 256\)'),
        (
            [('INTERNAL_ERROR', 'Unexpected exception std::bad_alloc')],
            r'level \(now 2\), or close',
        ),
        (
            [
                ('WARNING', 'Requested amount of GPU memory (9 bytes) could not be allocated.'),
                ('ERROR', 'Could not find any implementation for node conv.'),
            ],
            'not enough memory',
        ),
        (
            [
                ('WARNING', 'Skipping tactic 3 due to insufficient memory on requested size of 9'),
                ('ERROR', 'Could not find any implementation for node conv.'),
            ],
            'workspace_mib of 256 is too small',
        ),
        (
            [('WARNING', 'insufficient memory on requested size'), ('ERROR', 'assertion failed')],
            r'lower optimization_level or precision fp32.* TensorRT says: assertion failed$',
        ),
        ([], 'TensorRT says: nothing'),
    ],
)
def test_no_plan_is_an_error_in_words_of_tensorrt(stand_ins, network, says, lines, expected):
    stand_ins.answer('Builder.build_serialized_network', says(None, *lines))
    with pytest.raises(EngineBuildError, match=expected) as caught:
        build()
    is_short = 'not enough memory' in str(caught.value)
    assert isinstance(caught.value, EngineBuildOutOfMemory) == is_short
    for severity, text in lines:
        assert severity == 'WARNING' or text in str(caught.value)


def test_where_no_kernel_obeys_the_precisions_become_wishes(
    stand_ins, trt, network, says, is_typed
):
    lacks = says(None, ('ERROR', 'Could not find any implementation for node softmax.'))
    answers = iter([lacks, lambda *_: stand_ins.memory(b'the plan')])
    stand_ins.answer('Builder.build_serialized_network', lambda *given: next(answers)(*given))
    if is_typed:
        with pytest.raises(EngineBuildError, match='any implementation for node softmax'):
            build()
        return
    assert build().plan == b'the plan'
    flags = trt.BuilderFlag
    set_ = [each['flag'] for each in stand_ins.arguments('IBuilderConfig.set_flag')]
    assert set_ == [
        flags.FP16, flags.OBEY_PRECISION_CONSTRAINTS, flags.PREFER_PRECISION_CONSTRAINTS
    ]  # fmt: skip
    cleared = [each['flag'] for each in stand_ins.arguments('IBuilderConfig.clear_flag')]
    assert cleared == [flags.OBEY_PRECISION_CONSTRAINTS]


def test_exceptions_of_the_compiler_are_translated(stand_ins, network):
    def fail(*_):
        raise MemoryError

    stand_ins.answer('Builder.build_serialized_network', fail)
    with pytest.raises(EngineBuildError, match='not enough memory'):
        build()


def test_without_a_gpu_the_engine_is_unavailable(real_tensorrt):
    """With the real Builder: its factory gives a null pointer here, as it does without a GPU."""
    with pytest.raises(EngineUnavailable, match=r'finds no GPU .*nvidia-smi.*engine to onnxrun'):
        build()


def test_a_gpu_that_this_tensorrt_does_not_know_is_unavailable(stand_ins, network, says):
    refusal = 'Target GPU SM 53 is not supported by this TensorRT release.'
    for call in ('Builder.build_serialized_network', 'Builder.create_network'):
        stand_ins.answer(call, says(None, ('ERROR', refusal)))
        with pytest.raises(
            EngineUnavailable, match=f'finds no GPU .*{re.escape(refusal)}.* too new'
        ):
            build()


def test_timings_that_do_not_fit_are_left(stand_ins, network):
    fits = iter([False, True])
    stand_ins.answer('IBuilderConfig.set_timing_cache', lambda *_: next(fits))
    assert build(timing_cache=b'foreign').plan == b'the plan'
    tried = stand_ins.arguments('IBuilderConfig.create_timing_cache')
    assert [each['serialized_timing_cache'] for each in tried] == [b'foreign', b'']


def test_a_build_without_timings_is_a_build(stand_ins, network):
    stand_ins.answer('IBuilderConfig.create_timing_cache', None)
    assert build(timing_cache=b'broken').timing_cache == b''
