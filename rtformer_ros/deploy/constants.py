"""Know the values in an ONNX graph that no input changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Arrays = dict[str, npt.NDArray[Any]]


def constants_of(graph: onnx.GraphProto) -> Arrays:
    """Return the arrays of initialisers and Constant nodes, also those passed on by Identity."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == 'Identity' and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
        elif node.op_type == 'Constant':
            arrays[node.output[0]] = _value_of(node)
    return arrays


def _value_of(node: onnx.NodeProto) -> npt.NDArray[Any]:
    [attribute] = node.attribute
    value = helper.get_attribute_value(attribute)
    if attribute.name == 'value':
        return np.asarray(numpy_helper.to_array(value))
    dtype = {'value_float': np.float32, 'value_floats': np.float32}.get(attribute.name)
    return np.array(value, dtype or (np.int64 if 'int' in attribute.name else None))
