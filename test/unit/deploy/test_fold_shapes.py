# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Integers that a graph computes of constants become constants, and nothing else changes."""

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import onnxruntime
from rtformer_ros.deploy.onnx_file import fold_shapes

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def graph_with_computed_pads():
    """PyTorch's way of padding: the pads of two axes, with zeros for the others before them."""
    constants = {
        'amounts': np.array([0, 1, 0, 2], np.int64),  # right and left, bottom and top
        'missing': np.array([4], np.int64),
        'pairs': np.array([-1, 2], np.int64),
        'flat': np.array([-1], np.int64),
        'start': np.array([-1], np.int64),
        'end': np.array([np.iinfo(np.int64).min], np.int64),
        'axis': np.array([0], np.int64),
        'step': np.array([-1], np.int64),
        'weights': np.array([2, 3, 4], np.float32),
        'half': np.array([1], np.int64),
    }
    nodes = [
        helper.make_node('ConstantOfShape', ['missing'], ['zeros'],
                         value=numpy_helper.from_array(np.zeros(1, np.int64))),
        helper.make_node('Concat', ['amounts', 'zeros'], ['all'], axis=0),
        helper.make_node('Reshape', ['all', 'pairs'], ['rows']),
        helper.make_node('Slice', ['rows', 'start', 'end', 'axis', 'step'], ['reversed']),
        helper.make_node('Transpose', ['reversed'], ['turned'], perm=[1, 0]),
        helper.make_node('Reshape', ['turned', 'flat'], ['pads']),
        helper.make_node('Pad', ['image', 'pads'], ['padded']),
        # Of floats, and of what depends on the image: left alone.
        helper.make_node('Gather', ['weights', 'half'], ['factor']),
        helper.make_node('Shape', ['padded'], ['size']),
        helper.make_node('Gather', ['size', 'half'], ['channels']),
        helper.make_node('Mul', ['padded', 'factor'], ['result']),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        'pads',
        [helper.make_tensor_value_info('image', FLOAT, ['n', 1, 2, 2])],
        [
            helper.make_tensor_value_info('result', FLOAT, ['n', 1, None, None]),
            helper.make_tensor_value_info('channels', INT64, [1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def run(model):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run(None, {'image': np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)})


def test_computed_pads_become_constants():
    model = graph_with_computed_pads()
    before = run(model)
    fold_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    assert [n.op_type for n in model.graph.node] == ['Pad', 'Gather', 'Shape', 'Gather', 'Mul']
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert constants.keys() == {'pads', 'weights', 'half'}
    assert constants['pads'].tolist() == [0, 0, 0, 0, 0, 0, 2, 1]
    for came, expected in zip(run(model), before, strict=True):
        np.testing.assert_array_equal(came, expected)
