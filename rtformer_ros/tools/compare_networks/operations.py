# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Operations of an ONNX graph: the multiplications of its convolutions and matrix products."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from rtformer_ros.deploy.onnx_file import read_onnx
from rtformer_ros.errors import ModelError, quoted

Shape = tuple[int, ...]


def count_multiplications(source: Path | onnx.ModelProto) -> int:
    """
    Return the multiply-accumulates of a graph for one image.

    Those of Conv, MatMul and Gemm; norms, activations and resizing are not counted. Raises
    ModelError where the shape of one of these is not known.
    """
    model = read_onnx(source)
    for value in model.graph.input:
        if not value.type.tensor_type.shape.dim[0].dim_value:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = _shapes_of(inferred.graph)
    return sum(_multiplications(node, shapes) for node in inferred.graph.node)


def _shapes_of(graph: onnx.GraphProto) -> dict[str, Shape]:
    shapes = {each.name: tuple(each.dims) for each in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField('dim_value') for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    return shapes


def _multiplications(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    if node.op_type not in ('Conv', 'MatMul', 'Gemm'):
        return 0
    try:
        first, second, output = (shapes[name] for name in (*node.input[:2], node.output[0]))
    except KeyError as error:
        raise ModelError(
            f'the shape of {quoted(error.args[0])}, which a {node.op_type} reads or makes, is not '
            'known; expected a graph with fixed height and width'
        ) from error
    if node.op_type == 'Conv':
        return math.prod(output) * math.prod(second[1:])
    is_transposed = any(each.name == 'transA' and each.i for each in node.attribute)
    return math.prod(output) * (first[0] if is_transposed else first[-1])
