# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Put learned quantisers into a traced graph: INT8 codes as weights, pairs before inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from rtformer_ros.errors import ModelError
from rtformer_ros.network.quantisation.bit_planes import Codes

_LARGEST_RESIDUE = 1e-4


@dataclass(frozen=True)
class ConvolutionCodes:
    """
    What a convolution of a graph is to hold in place of its weights.

    codes: symmetric INT8 [out, in, h, w]; the weights in the graph are these times a number for
    each channel of the output. input_scale: of the INT8 codes of what it reads. input_limits: the
    first and the last of these codes, where they are not all of INT8.
    """

    codes: Codes
    input_scale: float
    input_limits: tuple[int, int] | None = None


def quantise_convolutions(
    model: onnx.ModelProto, convolutions: Mapping[str, ConvolutionCodes]
) -> None:
    """
    Replace float weights of a graph by INT8 codes with scales, and quantise what they multiply.

    convolutions: by the name of the weights. Scales of weights, float32 [out], are what brings
    codes closest to the weights in the graph, where a batch norm may have been folded into them; a
    negative one turns the codes of its channel. Raises ModelError where weights are no multiples
    of their codes, or are missing.
    """
    graph = model.graph
    weights = {each.name: each for each in graph.initializer if each.name in convolutions}
    missing = convolutions.keys() - weights.keys()
    if missing:
        raise ModelError(f'the graph lacks the weights {", ".join(sorted(missing))}; export anew')
    made = {
        name: _Weights.of(name, numpy_helper.to_array(weights[name]), convolution.codes)
        for name, convolution in convolutions.items()
    }
    nodes: list[onnx.NodeProto] = [each.dequantiser() for each in made.values()]
    for index, node in enumerate(graph.node):
        if node.op_type == 'Conv' and node.input[1] in made:
            name = node.input[1]
            prefix = f'{node.name or index}/input'
            nodes += _quantised_input(graph, node, prefix, convolutions[name])
            node.input[1] = made[name].output
        nodes.append(node)
    kept = [each for each in graph.initializer if each.name not in made]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    graph.initializer.extend(tensor for each in made.values() for tensor in each.tensors())


@dataclass(frozen=True)
class _Weights:
    """Codes, int8 [out, in, h, w], and scales, float32 [out], under the name of the weights."""

    name: str
    codes: Codes
    scales: npt.NDArray[np.float32]

    @classmethod
    def of(cls, name: str, weights: npt.NDArray[Any], codes: Codes) -> _Weights:
        wide, units = (each.astype(np.float64) for each in (weights, codes))
        squares = np.square(units).sum(axis=(1, 2, 3))
        factors = (wide * units).sum(axis=(1, 2, 3)) / np.maximum(squares, 1)
        shape = (-1, 1, 1, 1)
        residue = np.abs(wide - units * factors.reshape(shape)).max()
        if residue > _LARGEST_RESIDUE * np.abs(wide).max():
            raise ModelError(
                f"'{name}' is no multiple of its codes, channel by channel: something else was "
                'folded into it'
            )
        turned = (codes * np.sign(factors).reshape(shape)).astype(np.int8)
        # A channel of zeros may have any scale that runtimes take.
        scales = np.where(factors == 0, 1, np.abs(factors)).astype(np.float32)
        return cls(name, turned, scales)

    @property
    def output(self) -> str:
        return f'{self.name}_dequantised'

    def dequantiser(self) -> onnx.NodeProto:
        inputs = [self._named(part) for part in ('codes', 'scale', 'zero_point')]
        name = f'{self.name}/DequantizeLinear'
        return helper.make_node('DequantizeLinear', inputs, [self.output], name, axis=0)

    def tensors(self) -> Iterator[onnx.TensorProto]:
        zeros = np.zeros(len(self.scales), np.int8)
        for part, array in (('codes', self.codes), ('scale', self.scales), ('zero_point', zeros)):
            yield numpy_helper.from_array(array, self._named(part))

    def _named(self, part: str) -> str:
        return f'{self.name}_{part}'


def _quantised_input(
    graph: onnx.GraphProto, conv: onnx.NodeProto, prefix: str, convolution: ConvolutionCodes
) -> list[onnx.NodeProto]:
    """Let a convolution read quantised features; return the nodes that make them."""
    scale = np.float32(convolution.input_scale)
    parts: dict[str, npt.NDArray[Any]] = {
        'scale': np.asarray(scale),
        'zero_point': np.zeros((), np.int8),
    }
    quantised = [f'{prefix}_{part}' for part in parts]
    read, codes, features = conv.input[0], f'{prefix}_codes', f'{prefix}_dequantised'
    nodes = []
    if convolution.input_limits is not None:
        limits = ('least', 'most')
        for part, code in zip(limits, convolution.input_limits, strict=True):
            parts[part] = np.asarray(np.float32(code) * scale)
        inputs, read = [read, *(f'{prefix}_{part}' for part in limits)], f'{prefix}_clipped'
        nodes.append(helper.make_node('Clip', inputs, [read], f'{prefix}/Clip'))
    for part, array in parts.items():
        graph.initializer.append(numpy_helper.from_array(array, f'{prefix}_{part}'))
    for operator, reads, makes in (
        ('QuantizeLinear', read, codes),
        ('DequantizeLinear', codes, features),
    ):
        name = f'{prefix}/{operator}'
        nodes.append(helper.make_node(operator, [reads, *quantised], [makes], name))
    conv.input[0] = features
    return nodes
