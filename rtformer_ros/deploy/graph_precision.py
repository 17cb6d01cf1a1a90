# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rewrite an FP32 graph in half precision, with single precision where half is too narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper, TensorProto
from rtformer_ros.deploy.fp32_islands import fp32_nodes
from rtformer_ros.deploy.mixed_precision_graph import FLOAT, HALF, MixedPrecisionGraph, QUANTISERS
from rtformer_ros.deploy.onnx_file import (
    check_onnx,
    complete_outputs,
    constants_of,
    element_types,
    read_onnx,
    take_out_constant_inputs,
    with_opset,
)
from rtformer_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Collection


GraphPrecision = Literal['fp32', 'fp16', 'int8']

QUANTISED_HALF_OPSET = 19
"""The first ONNX operator set whose quantisers take half precision."""


def precision_of(model: onnx.ModelProto) -> GraphPrecision:
    """
    Return what a graph computes in: 'int8' with quantisers, else the type of most weights.

    It is read off the graph, which cannot be wrong about itself as a note in the file could be.
    """
    if any(node.op_type in QUANTISERS for node in model.graph.node):
        return 'int8'
    sizes = dict.fromkeys((np.dtype(np.float32), np.dtype(np.float16)), 0)
    for array in constants_of(model.graph).values():
        if array.dtype in sizes:
            sizes[array.dtype] += array.size
    single, half = sizes.values()
    return 'fp16' if half > single else 'fp32'


def to_fp16(
    source: Path | str | onnx.ModelProto, keep_fp32: Collection[str] = ()
) -> onnx.ModelProto:
    """
    Return an FP32 model in half precision; inputs, outputs and properties stay as they are.

    Weights are converted, not cast at run time. Nodes in which half precision under- or overflows
    stay FP32 (see fp32_islands), and so do those named in keep_fp32; casts stand at their edges.
    Of a quantised model, that is converted which its quantisers leave in FP32. The result is
    valid ONNX, and always the same for the same model. Raises ModelError for a file that is no
    model, for one that is FP16 already, and for nodes of unknown types or with inner graphs.
    """
    model = read_onnx(source)
    take_out_constant_inputs(model)
    if (precision := precision_of(model)) == 'fp16':
        raise ModelError('the model is FP16 already; expected an FP32 model: use it as it is')
    if precision == 'int8':
        model = with_opset(model, QUANTISED_HALF_OPSET)
    complete_outputs(model)
    graph = model.graph
    mixed = MixedPrecisionGraph(graph, element_types(model))
    islands = fp32_nodes(graph, mixed.constants)
    for index, node in enumerate(graph.node):
        is_kept = index in islands or node.name in keep_fp32
        mixed.add(node, FLOAT if is_kept else HALF)
    mixed.replace(graph)
    check_onnx(model, 'the FP16 graph')
    return model


_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def to_fp32(source: Path | str | onnx.ModelProto) -> onnx.ModelProto:
    """
    Return a model with the same weights and quantisers that computes in FP32 throughout.

    CPUs have no half precision: ONNX Runtime computes such graphs in FP32 too, between casts that
    cost time, and its half-precision QuantizeLinear cuts off where it should round (until 1.29).
    So this is the model to compare others with. Edges of float16 become float32. Raises
    ModelError for a file that is no model.
    """
    model = read_onnx(source)
    complete_outputs(model)
    graph = model.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ('to', 'dtype') and attribute.i == _HALF:
                attribute.i = _FLOAT
            elif attribute.name == 'value':
                _widen(attribute.t)
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == _HALF:
            value.type.tensor_type.elem_type = _FLOAT
    check_onnx(model, 'the FP32 graph')
    return model


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == _HALF:
        array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
