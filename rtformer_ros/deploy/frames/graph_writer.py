# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Writing of ONNX graphs, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto

if TYPE_CHECKING:
    import numpy.typing as npt

Dims = Sequence[int | str]
"""Sizes of a tensor; a name stands for one that is free."""

_TYPES = {'uint8': TensorProto.UINT8, 'int32': TensorProto.INT32, 'float': TensorProto.FLOAT}


class GraphWriter:
    """Nodes, constants, inputs and outputs of a graph, in the order in which they are added."""

    def __init__(self, prefix: str) -> None:
        """Start empty; names of tensors and nodes begin with `prefix`."""
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: str, dims: Dims) -> str:
        """Add an input, of 'uint8', 'int32' or 'float', and return its name."""
        self.inputs.append(helper.make_tensor_value_info(name, _TYPES[kind], list(dims)))
        return name

    def constant(self, values: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant and return its name."""
        name = f'{self._prefix}constant_{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the name of that."""
        name = f'{self._prefix}{operator}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def cast(self, tensor: str, kind: str) -> str:
        """Add a cast to a type as `input` has them."""
        return self.node('Cast', tensor, to=_TYPES[kind])

    def rounded(self, tensor: str) -> str:
        """Add the rounding to the nearest whole number in 0..255."""
        half = self.node('Add', tensor, self.constant(0.5))
        return self.node('Clip', self.node('Floor', half), self.constant(0), self.constant(255))

    def byte_output(self, name: str, tensor: str, dims: Dims) -> None:
        """Add an output of bytes, cast from floats that are whole numbers in 0..255."""
        self.nodes.append(
            helper.make_node('Cast', [tensor], [name], f'{self._prefix}{name}', to=_TYPES['uint8'])
        )
        self.outputs.append(helper.make_tensor_value_info(name, _TYPES['uint8'], list(dims)))
