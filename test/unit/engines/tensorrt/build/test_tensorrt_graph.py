# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The graph that is compiled: what no TensorRT takes is brought to a form that it does."""

from foreign_onnx import ForeignModel, FORMS, write_raw
import numpy as np
import onnx
import onnxruntime
import pytest
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.engines.tensorrt.build.graph import compile_graph
from rtformer_ros.labels.label_set import LabelSet

SHAPE = ['n', 6, 8, 3]


def write_bytes_of_integers(path):
    """A model whose bytes become integers first and are made of integers last."""
    cast, kinds = onnx.helper.make_node, onnx.TensorProto
    nodes = [
        cast('Cast', ['image'], ['whole'], 'in', to=kinds.INT32),
        cast('Cast', ['whole'], ['pixels'], to=kinds.FLOAT),
        cast('ArgMax', ['pixels'], ['ids'], axis=3, keepdims=0),
        cast('Cast', ['ids'], ['class_map'], to=kinds.UINT8, saturate=1),
    ]
    outputs = [('class_map', 'UINT8', ['n', 6, 8])]
    write_raw(path, [('image', 'UINT8', SHAPE)], nodes, outputs)
    model = onnx.load(path)
    model.opset_import[0].version, model.ir_version = 19, 9
    onnx.save(model, path)
    labels = LabelSet.generic(3).to_dict()
    path.with_suffix('.yaml').write_text(
        f'input: {{layout: nhwc_uint8}}\noutput: class_index\nlabels: {labels}\n'
    )
    return path


def run(path, image):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(None, {'image': image})[0]


@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
def test_bytes_come_from_and_go_to_floats(tmp_path, precision):
    model = write_bytes_of_integers(tmp_path / 'model.onnx')
    assert len(check_operators(model)) == 2
    (tmp_path / 'work').mkdir()
    graph = compile_graph(model, precision, (6, 8), tmp_path / 'work')
    assert check_operators(graph.path) == []
    onnx.checker.check_model(onnx.load(graph.path), full_check=True)
    image = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), np.uint8)
    np.testing.assert_array_equal(run(graph.path, image), image.argmax(3))


def test_a_model_that_needs_no_mending_is_compiled_as_it_is(bench, tmp_path):
    assert compile_graph(bench.model, 'fp32', (48, 64), tmp_path).path == bench.model


def test_only_the_output_that_is_read_is_compiled(tmp_path):
    form = next(form for form in FORMS if form.name == 'second-output')
    model = form.write(tmp_path / 'model.onnx')
    (tmp_path / 'work').mkdir()
    graph = compile_graph(model, 'fp16', (6, 8), tmp_path / 'work')
    assert [value.name for value in onnx.load(graph.path).graph.output] == ['out']
    assert [value.name for value in onnx.load(model).graph.output] == ['aux', 'out']
    assert graph.metadata.output_name == 'out'


@pytest.mark.parametrize('shape', [('n', 'h', 'w', 3), ('n', 3, 'h', 'w')])
def test_the_size_is_fixed_where_the_layout_has_it(tmp_path, shape):
    layout = 'nchw_float' if shape[1] == 3 else 'nhwc_float'
    described = {'input': {'layout': layout}, 'output': 'logits', 'size': '8x6'}
    model = ForeignModel(shape=shape).write(tmp_path / 'model.onnx', described)
    (tmp_path / 'work').mkdir()
    graph = compile_graph(model, 'fp32', (6, 8), tmp_path / 'work')
    dims = onnx.load(graph.path).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == ([0, 3, 6, 8] if shape[1] == 3 else [0, 6, 8, 3])
