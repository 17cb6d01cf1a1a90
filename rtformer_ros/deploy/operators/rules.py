# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write down what TensorRT's ONNX importer asks of a node, one rule a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, TensorProto
from rtformer_ros.deploy.onnx_file import Arrays
from rtformer_ros.deploy.operators.tables import BYTE_PARTNERS, Release, types_taken

Problem = tuple[str, str]
"""What is wrong, and what to do about it."""

_FLOAT, _UINT8 = TensorProto.FLOAT, TensorProto.UINT8
_INT32_MAX = np.iinfo(np.int32).max
_QUANTISERS = ('QuantizeLinear', 'DequantizeLinear')
_CONTROL_FLOW = ('If', 'Loop', 'Scan')
_SIZED_BY_VALUES = ('NonMaxSuppression', 'NonZero')
# Operators whose types are those of another tensor than their first input.
_TYPED_BY_INPUT = {'Where': 1}
_TYPED_BY_OUTPUT = ('Constant', 'ConstantOfShape', 'RandomNormal', 'RandomUniform')
# Which input lists axes, and must be there when the engine is built.
_AXES = {'CumSum': 1, 'Pad': 3, 'Slice': 3, 'Squeeze': 1, 'Unsqueeze': 1}
_RESIZE_MODES = {
    'mode': ('nearest', 'linear'),
    'coordinate_transformation_mode': (
        'half_pixel', 'pytorch_half_pixel', 'tf_half_pixel_for_nn', 'asymmetric', 'align_corners',
    ),
    'nearest_mode': ('floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'),
    'keep_aspect_ratio_policy': ('stretch',),
    'antialias': (0,),
}  # fmt: skip

_PAD_MODES: dict[Release, tuple[str, ...]] = {
    '8.6': ('constant', 'reflect', 'edge'),
    '10': ('constant', 'reflect', 'edge', 'wrap'),
}


@dataclass(frozen=True)
class Graph:
    """
    What the rules know of the graph around a node.

    types: ONNX element types by tensor; constants: arrays by tensor; computed: tensors that depend
    on an input; inputs, outputs: those of the graph; release: of TensorRT.
    """

    types: dict[str, int]
    constants: Arrays
    computed: frozenset[str]
    inputs: frozenset[str]
    outputs: frozenset[str]
    release: Release


def computed_tensors(graph: onnx.GraphProto) -> frozenset[str]:
    """Return the names of the tensors that change with the inputs of a graph."""
    constants = {tensor.name for tensor in graph.initializer}
    computed = {value.name for value in graph.input if value.name not in constants}
    for node in graph.node:
        if not computed.isdisjoint(node.input) or _has_inner_graph(node):
            computed.update(filter(None, node.output))
    return frozenset(computed)


def _has_inner_graph(node: onnx.NodeProto) -> bool:
    return any(attribute.HasField('g') for attribute in node.attribute)


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            return value.decode() if isinstance(value, bytes) else value
    return default


def _operator(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    if node.domain not in ('', 'ai.onnx'):
        yield (
            f"it belongs to the operators of '{node.domain}', which TensorRT does not know",
            'export the model with the operators of ONNX alone',
        )
    elif node.op_type in _CONTROL_FLOW:
        yield (
            'loops and branches make an engine slow, or fail to build',
            'export a model whose way does not depend on its values',
        )
    elif node.op_type in _SIZED_BY_VALUES:
        yield (
            'the size of what it returns depends on the values',
            'export the model without it and do this step afterwards',
        )
    elif not types_taken(node.op_type, graph.release):
        yield (
            f'TensorRT {graph.release} does not have this operator',
            'write this part of the network with others, then export it again',
        )


def _types(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    taken = types_taken(node.op_type, graph.release)
    is_by_output = node.op_type in _TYPED_BY_OUTPUT
    names = node.output[:1] if is_by_output else node.input[_TYPED_BY_INPUT.get(node.op_type, 0) :]
    found = graph.types.get(names[0], 0) if names else 0
    if node.domain == '' and taken and found not in (0, _UINT8) and found not in taken:
        yield (
            f'it computes in {TensorProto.DataType.Name(found)}; TensorRT {graph.release} takes '
            + ', '.join(sorted(map(TensorProto.DataType.Name, taken))),
            'cast what it reads to one of these',
        )


def _cast(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    wanted = _attribute(node, 'to', 0) if node.op_type == 'Cast' else 0
    if wanted and wanted not in types_taken('Cast', graph.release):
        yield (
            f'it casts to {TensorProto.DataType.Name(wanted)}, which TensorRT does not have',
            'use int32, int64, float16 or float32',
        )
    found = graph.types.get(node.input[0], 0) if wanted else 0
    for one, other in ((found, wanted), (wanted, found)):
        if one == _UINT8 and other not in (0, *BYTE_PARTNERS):
            yield (
                f'it casts {TensorProto.DataType.Name(found)} to '
                f'{TensorProto.DataType.Name(wanted)}; TensorRT has uint8 from and to float alone',
                'cast to float32 in between; build_engine does so by itself',
            )


def _bytes(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    """Bytes may enter and leave through a cast; nothing else can be done with them."""
    if node.op_type in _QUANTISERS:
        return
    advice = 'cast the image to float first, and the results to bytes last'
    is_cast = node.op_type == 'Cast'
    for name in node.input:
        if graph.types.get(name) == _UINT8 and not (is_cast and name in graph.inputs):
            yield f"it reads '{name}', which is uint8", advice
    for name in node.output:
        if graph.types.get(name) == _UINT8 and not (is_cast and name in graph.outputs):
            yield f"it returns '{name}' as uint8", advice


def _convolution(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    if node.op_type in ('Conv', 'ConvTranspose') and node.input[1] in graph.computed:
        yield (
            f"its weights '{node.input[1]}' are computed from the image",
            'write the product as MatMul (attention between resolutions: keys and values are '
            'matrices), then export it again',
        )


def _axes(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    slot = 1 if node.op_type.startswith('Reduce') else _AXES.get(node.op_type, len(node.input))
    if slot < len(node.input) and node.input[slot] in graph.computed:
        yield f"its axes '{node.input[slot]}' are computed", 'export it with fixed axes'


def _pooling(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    if node.op_type not in ('AveragePool', 'MaxPool', 'LpPool'):
        return
    if len(_attribute(node, 'kernel_shape', ())) not in (2, 3):
        yield 'it pools over one dimension or over more than three', 'pool over two or three'
    if set(_attribute(node, 'dilations', ())) - {1}:
        yield 'its window has gaps (dilations)', 'use windows without'
    if len(node.output) > 1 and node.output[1]:
        yield 'it returns indices', 'export the network without unpooling'


def _resize(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    for name, taken in _RESIZE_MODES.items() if node.op_type == 'Resize' else ():
        value = _attribute(node, name, taken[0])
        if value not in taken:
            yield (
                f'its {name} is {value}; TensorRT takes {", ".join(map(str, taken))}',
                'resize with bilinear or nearest interpolation',
            )


def _padding(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    mode, taken = _attribute(node, 'mode', 'constant'), _PAD_MODES[graph.release]
    if node.op_type == 'Pad' and mode not in taken:
        yield (
            f'its mode is {mode}; TensorRT {graph.release} takes {", ".join(taken)}',
            'pad with zeros, or with the border pixels',
        )


def _quantiser(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    if node.op_type not in _QUANTISERS:
        return
    zero_point = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
    if zero_point is None or zero_point.dtype != np.int8 or zero_point.any():
        yield (
            'its zero point is not a constant int8 zero',
            'quantise the model with symmetric int8 values',
        )
    if node.input[1] in graph.computed:
        yield 'its scale is computed', 'quantise the model statically, with calibration images'
    if graph.release == '8.6' and graph.types.get(node.input[1], _FLOAT) != _FLOAT:
        yield (
            'its scale is no float32, the only one that TensorRT 8.6 reads',
            'make the INT8 model again with the rest in FP32 (build_engine --precision int8 --for '
            'tensorrt8)',
        )


def _wide_integers(node: onnx.NodeProto, graph: Graph) -> Iterator[Problem]:
    # Where a slice ends may be as far off as one likes: it is cut down either way.
    if graph.release != '8.6' or node.op_type == 'Slice':
        return
    for name in node.input:
        values = graph.constants.get(name, np.zeros(1, np.int64))
        if values.dtype == np.int64 and values.size and np.abs(values).max() > _INT32_MAX:
            yield f"'{name}' holds integers of more than 32 bits", 'use smaller numbers'


RULES: tuple[Callable[[onnx.NodeProto, Graph], Iterator[Problem]], ...] = (
    _operator, _types, _cast, _bytes, _convolution, _axes, _pooling, _resize, _padding, _quantiser,
    _wide_integers,
)  # fmt: skip
