# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run half-precision ONNX graphs as hardware with half precision would.

ONNX Runtime has no half-precision kernels for the CPU: it computes such graphs in FP32 and does
not round between their nodes. Explicit casts in an FP32 graph it leaves alone.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT


def types_of(model):
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = [*inferred.input, *inferred.output, *inferred.value_info]
    return {value.name: value.type.tensor_type.elem_type for value in values}


def rounded(model):
    """The graph in FP32 with each half-precision result rounded to half; names of these."""
    types = types_of(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes, names = [], []
    for node in copy.graph.node:
        halves = [name for name in node.output if types[name] == HALF]
        for attribute in node.attribute:
            if node.op_type == 'Cast' and attribute.i == HALF:
                attribute.i = FLOAT
        new = [f'{name}/exact' if name in halves else name for name in node.output]
        node.output[:] = new
        nodes.append(node)
        for name in halves:
            nodes.append(helper.make_node('Cast', [f'{name}/exact'], [f'{name}/half'], to=HALF))
            nodes.append(helper.make_node('Cast', [f'{name}/half'], [name], to=FLOAT))
        names += halves
    weights = [(tensor.name, numpy_helper.to_array(tensor)) for tensor in copy.graph.initializer]
    del copy.graph.initializer[:], copy.graph.value_info[:]
    for name, array in weights:
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        copy.graph.initializer.append(numpy_helper.from_array(array, name))
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del copy.graph.node[:]
    copy.graph.node.extend(kept)
    return copy, names


def with_outputs(model, names, kind):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name in names)
    return copy
