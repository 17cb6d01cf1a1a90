# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write a graph anew whose nodes compute in FP32 or in FP16, with casts between them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
from rtformer_ros.deploy.onnx_file import constants_of
from rtformer_ros.errors import ModelError

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
QUANTISERS = ('QuantizeLinear', 'DequantizeLinear')

_SUFFIXES: dict[int, str] = {FLOAT: '_fp32', HALF: '_fp16'}
# Inputs that are float32 whatever the type of the picture: a resize's region and scales.
_FLOAT_INPUTS = {'Resize': (1, 2)}
# What need not be cast first, where the result is no float itself.
_INDIFFERENT = ('Cast', 'Shape', 'Size')
_NORM_ROWS = ('scale', 'shift', 'mean', 'variance')
_HALF_TINY = float(np.finfo(np.float16).smallest_subnormal)


class MixedPrecisionGraph:
    """
    A graph written anew, one node after the other, each in a precision of its own.

    constants: arrays of the old graph, by name. A tensor keeps its name in the precision that it
    is computed in; a copy in the other one has a suffix.
    """

    def __init__(self, graph: onnx.GraphProto, types: dict[str, int]) -> None:
        """Start with nothing written. types: ONNX element types of the old graph's tensors."""
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self.constants = constants_of(graph)
        self._types = types
        self._taken = set(types)
        self._outputs = {value.name for value in graph.output}
        # (name in the old graph, type) -> name in the new one, of float tensors
        self._names: dict[tuple[str, int], str] = {
            (value.name, FLOAT): value.name for value in graph.input
        }

    def add(self, node: onnx.NodeProto, kind: int) -> None:
        """
        Append a node that computes in `kind`, and casts before it of what it reads.

        kind: FLOAT or HALF. Raises ModelError for a node with an inner graph or an unknown type.
        """
        if all(name in self.constants for name in node.output):
            return
        _refuse_unclear(node, self._types)
        new = onnx.NodeProto()
        new.CopyFrom(node)
        if kind == HALF:
            self._fit_to_half(new)
        if node.op_type in _INDIFFERENT and self._types[node.output[0]] != FLOAT:
            kind = self._kind_of(node.input[0], kind)
        floats = _FLOAT_INPUTS.get(node.op_type, ())
        for slot, name in enumerate(new.input):
            new.input[slot] = self._read(name, FLOAT if slot in floats else kind)
        self._nodes.append(new)
        for slot, name in enumerate(node.output):
            if self._types.get(name) == FLOAT:
                is_renamed = kind == HALF and name in self._outputs
                new.output[slot] = self._new_name(name + _SUFFIXES[kind]) if is_renamed else name
                self._names[name, kind] = new.output[slot]
                self._read(name, FLOAT if is_renamed else kind)

    def replace(self, graph: onnx.GraphProto) -> None:
        """Put what was written in the place of a graph's nodes and weights."""
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._weights.values())

    def _read(self, name: str, kind: int) -> str:
        """Return the name under which a node finds a tensor, as `kind` if it is a float one."""
        if name in self.constants:
            return self._weight(name, kind)
        if self._types.get(name) != FLOAT:
            return name
        if (name, kind) not in self._names:
            other = self._names[name, HALF if kind == FLOAT else FLOAT]
            is_output = name in self._outputs
            cast = name if is_output else self._new_name(name + _SUFFIXES[kind])
            self._nodes.append(helper.make_node('Cast', [other], [cast], f'{cast}/Cast', to=kind))
            self._names[name, kind] = cast
        return self._names[name, kind]

    def _kind_of(self, name: str, otherwise: int) -> int:
        kinds = [kind for kind in (HALF, FLOAT) if (name, kind) in self._names]
        return otherwise if otherwise in kinds or not kinds else kinds[0]

    def _weight(self, name: str, kind: int) -> str:
        array = self.constants[name]
        if array.dtype == np.float32 and kind == HALF:
            array = array.astype(np.float16)
            if (name, kind) not in self._names:
                self._names[name, kind] = self._new_name(name + _SUFFIXES[kind])
            name = self._names[name, kind]
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(array, name)
        return name

    def _new_name(self, name: str) -> str:
        while name in self._taken:
            name += '_'
        self._taken.add(name)
        return name

    def _fit_to_half(self, node: onnx.NodeProto) -> None:
        """Change what a node says so that half precision can hold it."""
        for attribute in node.attribute:
            if attribute.name in ('to', 'dtype') and attribute.i == FLOAT:
                attribute.i = HALF
            elif attribute.name == 'value' and attribute.t.data_type == FLOAT:
                halved = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(halved))
        if node.op_type == 'BatchNormalization':
            self._condense_norm(node)
        elif node.op_type in QUANTISERS:
            # Rounded to zero, a scale is one that no runtime takes.
            scale = np.maximum(self.constants[node.input[1]], np.float32(_HALF_TINY))
            self.constants[node.input[1]] = scale

    def _condense_norm(self, norm: onnx.NodeProto) -> None:
        """Put a norm's four rows of numbers into two; a variance may be too small for half."""
        names = norm.input[1:5]
        if not all(name in self.constants for name in names):
            return
        weight, bias, mean, variance = (self.constants[n].astype(np.float64) for n in names)
        epsilon = next((a.f for a in norm.attribute if a.name == 'epsilon'), 1e-5)
        scale = weight / np.sqrt(variance + epsilon)
        rows = (scale, bias - mean * scale, np.zeros_like(mean), np.ones_like(mean))
        for slot, (row, values) in enumerate(zip(_NORM_ROWS, rows, strict=True), start=1):
            norm.input[slot] = self._new_name(f'{norm.output[0]}_{row}')
            self.constants[norm.input[slot]] = values.astype(np.float32)
        kept = [attribute for attribute in norm.attribute if attribute.name != 'epsilon']
        del norm.attribute[:]
        norm.attribute.extend([*kept, helper.make_attribute('epsilon', 0.0)])


def _refuse_unclear(node: onnx.NodeProto, types: dict[str, int]) -> None:
    name = f"node '{node.name}' ({node.op_type})"
    if any(attribute.HasField('g') or attribute.graphs for attribute in node.attribute):
        raise ModelError(f'{name} has a graph of its own inside; export the model without it')
    if not all(types.get(output) for output in node.output if output):
        raise ModelError(
            f'the type that {name} returns is not known; expected an operator of ONNX: export the '
            'model without others'
        )
