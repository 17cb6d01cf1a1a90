# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Make tiny ONNX models whose result can be computed by hand.

The class of a pixel is the channel that is brightest in it (0 red, 1 green, 2 blue; the first of
equals), its confidence is that channel's value. `classes` permutes the ids, so that two models can
be told apart by their masks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, TensorProto
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.model_metadata import ModelMetadata

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
RGB_LABELS = LabelSet(
    'rgb',
    (
        LabelClass('red', RED, 'obstacle'),
        LabelClass('green', GREEN, 'drivable'),
        LabelClass('blue', BLUE, 'sky'),
    ),
)


def brightest_channel(
    path: Path,
    height: int = 48,
    width: int = 64,
    *,
    channel_order: tuple[int, int, int] = (0, 1, 2),
    busy_loops: int = 0,
    fails_above: int = 255,
    tells_batch: bool = False,
) -> Path:
    """
    Write the model for images of height x width pixels.

    channel_order: the id of a pixel is the place of its brightest channel in this order.
    busy_loops: multiplications of 512 x 512 matrices before the result, to make it slow.
    fails_above: an image with a brighter value than this makes ONNX Runtime fail.
    tells_batch: the confidence of all pixels is the number of images that share the run.
    """
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, ['N', height, width, 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ['N', height, width])
        for name in ('class_map', 'confidence')
    ]
    constants = {
        'order': np.array(channel_order, np.int64),
        'zeros': np.zeros((512, 512), np.float32),
        'loops': np.array(busy_loops, np.int64),
        'true': np.array(True),
        'zero': np.array(0.0, np.float32),
        'table': np.zeros(fails_above + 1, np.float32),
    }
    graph = helper.make_graph(
        _nodes(busy_loops, tells_batch),
        'brightest_channel',
        [image],
        outputs,
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(
        labels=RGB_LABELS, height=height, width=width, exporter='closed form', description='test'
    )
    helper.set_model_props(model, metadata.to_properties())
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return path


def _confidence_nodes(tells_batch: bool) -> list[onnx.NodeProto]:
    """Return nodes that make 'best' of 'best_value'."""
    if not tells_batch:
        return [helper.make_node('Identity', ['best_value'], ['best'])]
    return [
        helper.make_node('Shape', ['image'], ['count_shape'], end=1),
        helper.make_node('Cast', ['count_shape'], ['count'], to=TensorProto.FLOAT),
        helper.make_node('Mul', ['best_value', 'zero'], ['empty']),
        helper.make_node('Add', ['empty', 'count'], ['best']),
    ]


def _nodes(busy_loops: int, tells_batch: bool) -> list[onnx.NodeProto]:
    return [
        # A look-up beyond the end of a table is an error; within it, it adds nothing.
        helper.make_node('Cast', ['image'], ['bytes'], to=TensorProto.INT32),
        helper.make_node('ReduceMax', ['bytes'], ['brightest'], keepdims=0),
        helper.make_node('Gather', ['table', 'brightest'], ['nil']),
        helper.make_node('Cast', ['image'], ['floats'], to=TensorProto.FLOAT),
        helper.make_node('Add', ['floats', 'nil'], ['values']),
        helper.make_node('Gather', ['values', 'order'], ['ordered'], axis=3),
        *_busy_nodes(busy_loops),
        helper.make_node('ArgMax', ['delayed'], ['ids'], axis=3, keepdims=0),
        helper.make_node('Cast', ['ids'], ['class_map'], to=TensorProto.UINT8),
        helper.make_node('ReduceMax', ['delayed'], ['best_value'], axes=[3], keepdims=0),
        *_confidence_nodes(tells_batch),
        helper.make_node('Cast', ['best'], ['confidence'], to=TensorProto.UINT8),
    ]


def _busy_nodes(busy_loops: int) -> list[onnx.NodeProto]:
    """Return nodes that lead 'ordered' to 'delayed' unchanged, after that much work."""
    if not busy_loops:
        return [helper.make_node('Identity', ['ordered'], ['delayed'])]
    matrix = [512, 512]
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['going_on'], ['goes_on']),
            helper.make_node('MatMul', ['product', 'product'], ['next_product']),
        ],
        'busy',
        [
            helper.make_tensor_value_info('iteration', TensorProto.INT64, []),
            helper.make_tensor_value_info('going_on', TensorProto.BOOL, []),
            helper.make_tensor_value_info('product', TensorProto.FLOAT, matrix),
        ],
        [
            helper.make_tensor_value_info('goes_on', TensorProto.BOOL, []),
            helper.make_tensor_value_info('next_product', TensorProto.FLOAT, matrix),
        ],
    )
    return [
        # The product depends on the image, or it would be computed once, when the model loads.
        helper.make_node('ReduceSum', ['ordered'], ['total'], keepdims=0),
        helper.make_node('Mul', ['total', 'zero'], ['nothing']),
        helper.make_node('Add', ['zeros', 'nothing'], ['start']),
        helper.make_node('Loop', ['loops', 'true', 'start'], ['end'], body=body),
        helper.make_node('ReduceSum', ['end'], ['remainder'], keepdims=0),
        helper.make_node('Add', ['ordered', 'remainder'], ['delayed']),
    ]


def expected_class_map(image_hwc: np.ndarray, order: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """Return what the model says of an RGB image, uint8 [H, W, 3]."""
    return np.argmax(image_hwc[..., list(order)], axis=2).astype(np.uint8)


def slow_to_load(path: Path, multiplications: int = 5000) -> Path:
    """
    Write brightest_channel whose loading takes minutes, for a constant that is 0 in the end.

    ONNX Runtime computes constants while it loads a model: that many products of matrices.
    """
    model = onnx.load(brightest_channel(path))
    size = onnx.numpy_helper.from_array(np.array([1024, 1024], np.int64), 'size')
    nodes = [helper.make_node('ConstantOfShape', ['size'], ['power0'])]
    nodes += [
        helper.make_node('MatMul', [f'power{i}', f'power{i}'], [f'power{i + 1}'])
        for i in range(multiplications)
    ]
    nodes += [
        helper.make_node('ReduceMax', [f'power{multiplications}'], ['late_nil'], keepdims=0),
        helper.make_node('Add', ['floats', 'late_nil'], ['late_values']),
    ]
    place = next(i for i, each in enumerate(model.graph.node) if each.output[0] == 'values')
    model.graph.node[place].input[0] = 'late_values'
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*kept[:place], *nodes, *kept[place:]])
    model.graph.initializer.append(size)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
