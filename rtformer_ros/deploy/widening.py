"""Rewrite a half-precision graph in single precision, to know what it is meant to compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from rtformer_ros.deploy.onnx_file import check_onnx, read_onnx

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
