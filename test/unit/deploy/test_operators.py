# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT's importer refuses is found before a robot finds it; what we export is clean."""

import subprocess
import sys
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import precision_of, to_fp16
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.deploy.operators.tables import known_operators, types_taken
from rtformer_ros.deploy.quantize import quantize
from rtformer_ros.errors import ModelError
from rtformer_ros.network import build_rtformer, Checkpoint, save_checkpoint
from street_images import ROOT, samples
import torch

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
SIZES = [(360, 480), (512, 1024), (1024, 2048)]


@pytest.fixture(scope='module')
def narrow(tmp_path_factory):
    """Both variants with an eighth of the channels: the same graphs at a fraction of the time."""
    folder = tmp_path_factory.mktemp('narrow')
    for variant in ('slim', 'base'):
        torch.manual_seed(0)
        network = build_rtformer(variant, 3, base_channels=8, head_channels=8, aux_head=False)
        save_checkpoint(Checkpoint.of(network), folder / f'{variant}.safetensors')
    return folder


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('variant', ['slim', 'base'])
def test_tensorrt_takes_what_is_exported_in_every_precision(tmp_path, narrow, variant, size):
    path = tmp_path / 'model.onnx'
    export_onnx(narrow / f'{variant}.safetensors', path, *size)
    single = onnx.load(path)
    half = to_fp16(single)
    quantised = quantize(single, samples(size)[:1])
    assert [precision_of(m) for m in (single, half, quantised)] == ['fp32', 'fp16', 'int8']
    for model in (single, half, quantised):
        assert check_operators(model, '10') == []
    assert check_operators(single, '8.6') == check_operators(half, '8.6') == []


def test_tensorrt_8_takes_int8_with_scales_in_fp32_alone(tmp_path, narrow):
    path = tmp_path / 'model.onnx'
    export_onnx(narrow / 'slim.safetensors', path, *SIZES[0])
    images = samples(SIZES[0])[:1]
    assert check_operators(quantize(path, images, rest='fp32'), '8.6') == []
    half = check_operators(quantize(path, images), '8.6')
    scales = {each.operator for each in half if 'scale is no float32' in each.problem}
    assert scales == {'QuantizeLinear', 'DequantizeLinear'}


def test_the_shipped_model_is_clean_and_its_graph_is_that_of_the_narrow_ones(tmp_path, narrow):
    for release in ('8.6', '10'):
        assert check_operators(SHIPPED, release) == []
    export_onnx(narrow / 'slim.safetensors', tmp_path / 'slim.onnx', 360, 480)
    first, second = (
        [
            n.op_type
            for n in onnx.load(path).graph.node
            if n.op_type not in ('Constant', 'Identity')
        ]
        for path in (SHIPPED, tmp_path / 'slim.onnx')
    )
    assert first == second


class ComputedConvolution(torch.nn.Module):
    """Attention between resolutions as the reference has it: a convolution with computed keys."""

    def __init__(self):
        super().__init__()
        self.keys = torch.nn.Conv2d(3, 12, 1)

    def forward(self, x):
        pooled = torch.nn.functional.adaptive_avg_pool2d(self.keys(x), (2, 2))
        weights = pooled.reshape(4, 12, 1, 1)[:, :3]
        return torch.nn.functional.conv2d(x, weights)


def test_a_convolution_with_computed_weights_is_refused(tmp_path):
    path = tmp_path / 'reference.onnx'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(ComputedConvolution(), (torch.zeros(1, 3, 8, 8),), path, dynamo=False)
    [finding] = check_operators(path)
    assert finding.operator == 'Conv'
    assert finding.node
    assert 'computed from the image' in finding.problem
    assert 'MatMul' in finding.advice
    assert finding.node in str(finding)


def model_of(nodes, x=(FLOAT, [1, 3, 8, 8]), y=FLOAT, constants=None, opset=17, domains=()):
    graph = helper.make_graph(
        nodes,
        'graph',
        [helper.make_tensor_value_info('x', *x)],
        [helper.make_tensor_value_info('y', y, None)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid('', opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


node = helper.make_node
RELU = node('Relu', ['x'], ['y'], 'relu')
LOOP_BODY = helper.make_graph(
    [node('Identity', ['c'], ['d']), node('Relu', ['v'], ['w'])],
    'body',
    [
        helper.make_tensor_value_info('i', INT64, []),
        helper.make_tensor_value_info('c', TensorProto.BOOL, []),
        helper.make_tensor_value_info('v', FLOAT, [1, 3, 8, 8]),
    ],
    [
        helper.make_tensor_value_info('d', TensorProto.BOOL, []),
        helper.make_tensor_value_info('w', FLOAT, [1, 3, 8, 8]),
    ],
)
SCALES = {'scales': np.array([1, 1, 2, 2], np.float32)}
ZERO_POINT = {'scale': np.float32(0.1), 'zero': np.uint8(128)}
CUBIC = node('Resize', ['x', '', 'scales'], ['y'], 'up', mode='cubic')
DILATED = node('MaxPool', ['x'], ['y'], 'pool', kernel_shape=[2, 2], dilations=[2, 2])
WRAPPED = node('Pad', ['x', 'pads'], ['y'], 'pad', mode='wrap')
PADS = {'pads': np.array([0, 0, 1, 1, 0, 0, 1, 1])}
TO_INT16 = node('Cast', ['x'], ['y'], 'cast', to=TensorProto.INT16)
FROM_INTEGERS = [
    node('Cast', ['x'], ['i'], 'in', to=INT64),
    node('Cast', ['i'], ['y'], 'out', to=UINT8),
]
TO_INTEGERS = [
    node('Cast', ['x'], ['i'], 'in', to=TensorProto.INT32),
    node('Cast', ['i'], ['y'], 'out', to=FLOAT),
]
QUANTISED = [
    node('QuantizeLinear', ['x', 'scale', 'zero'], ['q'], 'q'),
    node('DequantizeLinear', ['q', 'scale', 'zero'], ['y'], 'dq'),
]
BYTES = [
    node('Transpose', ['x'], ['t'], 'first', perm=[0, 3, 1, 2]),
    node('Cast', ['t'], ['y'], 'cast', to=FLOAT),
]
COMPUTED_AXES = [
    node('Cast', ['x'], ['i'], to=INT64),
    node('ReduceSum', ['x', 'i'], ['y'], 'sum'),
]


@pytest.mark.parametrize(
    ('model', 'places', 'words'),
    [
        (model_of([node('Det', ['x'], ['y'], 'det')]), ['det'], 'does not have this operator'),
        (
            model_of([node('Mine', ['x'], ['y'], 'm', domain='mine')], domains=['mine']),
            ['m'],
            "operators of 'mine'",
        ),
        (
            model_of(
                [node('Loop', ['n', '', 'x'], ['y'], 'loop', body=LOOP_BODY)],
                constants={'n': np.array(3)},
            ),
            ['loop'],
            'loops and branches',
        ),
        (model_of([node('NonZero', ['x'], ['y'], 'where')], y=INT64), ['where'], 'the size of'),
        (model_of([RELU], x=(FLOAT, ['n', 3, 'h', 'w'])), ["input 'x'"], 'free in h, w'),
        (model_of([RELU], opset=21), ['the model'], 'opset 21; TensorRT 10 takes 9 to 20'),
        (model_of([CUBIC], constants=SCALES), ['up'], 'mode is cubic'),
        (model_of([DILATED], opset=19), ['pool'], 'gaps'),
        (model_of([TO_INT16], y=TensorProto.INT16), ['cast'], 'casts to INT16'),
        (model_of(FROM_INTEGERS, y=UINT8), ['out'], 'INT64 to UINT8; TensorRT has uint8 from and'),
        (model_of(TO_INTEGERS, x=(UINT8, [1, 8, 8, 3])), ['in'], 'casts UINT8 to INT32'),
        (model_of(QUANTISED, constants=ZERO_POINT), ['q', 'dq'], 'zero point'),
        (model_of(BYTES, x=(UINT8, [1, 8, 8, 3])), ['first', 'first', 'cast'], 'uint8'),
        (model_of(COMPUTED_AXES, x=(FLOAT, [1])), ['sum'], "axes 'i' are computed"),
        (
            model_of([node('Softmax', ['x'], ['y'], 's')], x=(TensorProto.INT32, [1]), y=6),
            ['s'],
            'computes in INT32; TensorRT 10 takes BFLOAT16, DOUBLE, FLOAT, FLOAT16',
        ),
    ],
)
def test_each_kind_of_refusal_is_found_and_named(model, places, words):
    findings = check_operators(model)
    assert [finding.node for finding in findings] == places
    assert any(words in finding.problem for finding in findings)
    assert all(finding.advice for finding in findings)


def test_what_is_right_is_left_alone():
    cast_in = node('Cast', ['x'], ['f'], 'in', to=FLOAT)
    cast_out = node('Cast', ['r'], ['y'], 'out', to=UINT8)
    middle = node('Relu', ['f'], ['r'], 'relu')
    edges = model_of([cast_in, middle, cast_out], x=(UINT8, ['n', 8, 8, 3]), y=UINT8)
    assert check_operators(edges) == []
    far = {'start': [0], 'end': [2**62], 'axes': [1]}
    sliced = model_of(
        [node('Slice', ['x', 'start', 'end', 'axes'], ['y'], 'slice')],
        constants={name: np.array(value) for name, value in far.items()},
    )
    assert check_operators(sliced, '8.6') == []


def test_releases_differ_as_their_tables_do():
    assert types_taken('Mish', '8.6') == frozenset()
    assert types_taken('Mish', '10') == {
        TensorProto.FLOAT,
        TensorProto.DOUBLE,
        TensorProto.FLOAT16,
    }
    assert TensorProto.INT64 in types_taken('Add', '8.6')  # cast down to 32 bits
    big = node('Add', ['i', 'far'], ['y'], 'add')
    cast = node('Cast', ['x'], ['i'], to=INT64)
    model = model_of([cast, big], x=(FLOAT, [1]), y=INT64, constants={'far': np.array([2**40])})
    assert [finding.node for finding in check_operators(model, '8.6')] == ['add']
    assert check_operators(model, '10') == []
    wrapped = model_of([WRAPPED], constants=PADS)
    assert [f.problem for f in check_operators(wrapped, '8.6')] == [
        'its mode is wrap; TensorRT 8.6 takes constant, reflect, edge'
    ]
    assert check_operators(wrapped, '10') == []
    assert [f.problem for f in check_operators(model_of([RELU], opset=18), '8.6')] == [
        'it is of opset 18; TensorRT 8.6 takes 7 to 17'
    ]


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    (tmp_path / 'text.onnx').write_text('no model')
    with pytest.raises(ModelError, match=r'text\.onnx is no ONNX model'):
        check_operators(tmp_path / 'text.onnx')


def run_tool(*arguments):
    command = [sys.executable, '-m', 'rtformer_ros.tools.check_model', *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_answers_with_words_and_an_exit_code(tmp_path):
    done = run_tool(SHIPPED, '--release', '8.6')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.endswith('TensorRT 8.6 takes it\n')
    onnx.save(model_of([CUBIC], constants=SCALES), tmp_path / 'cubic.onnx')
    done = run_tool(tmp_path / 'cubic.onnx')
    assert (done.returncode, done.stderr) == (1, '')
    assert "Resize 'up': its mode is cubic" in done.stdout
    assert 'would refuse it in 1 place' in done.stdout
    done = run_tool(tmp_path / 'none.onnx')
    assert done.returncode == 1
    assert done.stderr.startswith('check_model: cannot read')


NAMES = ('float', 'double', 'bfloat16', 'int8', 'int32', 'int64', 'uint8', 'bool')
ELEMENT_TYPES = {'half': TensorProto.FLOAT16} | {
    name: TensorProto.DataType.Value(name.upper()) for name in NAMES
}


def test_documentation_has_the_types_of_every_operator():
    section = (
        (ROOT / 'docs/tensorrt.md')
        .read_text()
        .split('## Operators by version')[1]
        .split('\n## ')[0]
    )
    lines = [line for line in section.splitlines() if line.startswith('| ')]
    rows = [line.strip('| ').split(' | ') for line in lines[1:]]
    documented = {
        (operator, release): {ELEMENT_TYPES[each] for each in types.split() if types != 'no'}
        for *columns, operators in rows
        for release, types in zip(('8.6', '10'), columns, strict=True)
        for operator in operators.split()
    }
    assert {operator for operator, _ in documented} == set(known_operators())
    for (operator, release), types in documented.items():
        assert types == types_taken(operator, release), (operator, release)
