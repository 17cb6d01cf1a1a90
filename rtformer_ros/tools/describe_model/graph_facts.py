# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Graph facts: what the operators of an ONNX file tell about its input and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx
    from rtformer_ros.deploy.onnx_file import Arrays

    Magnitudes = npt.NDArray[np.float64]

# What moves values, or thins them out, and leaves them as they are.
_PASSIVE = frozenset(
    {
        'Cast', 'Concat', 'Flatten', 'Gather', 'Identity', 'Pad', 'Reshape', 'Resize', 'Slice',
        'Split', 'Squeeze', 'Transpose', 'Unsqueeze', 'Upsample',
    }
)  # fmt: skip
_ARITHMETIC = frozenset({'Add', 'BatchNormalization', 'Div', 'Mul', 'Sub'})
# Of means and deviations, above all of pixels of 0..1.
_MOST_OF_UNIT_PIXELS = 2.0


@dataclass(frozen=True)
class GraphFacts:
    """
    What a graph shows without being run.

    producer: the program that wrote the file. normalisers: operators that scale the picture
    first, () for none; takes_bytes_range: by their constants they expect 0..255, not 0..1; is_bgr:
    by the mean that Caffe's networks take off. deciders: for each output the operator that made
    its values, '' where nothing did. classes: for each output of an ArgMax, of how many channels,
    where the file says.
    """

    producer: str
    normalisers: tuple[str, ...]
    takes_bytes_range: bool
    is_bgr: bool
    deciders: dict[str, str]
    classes: dict[str, int]


def read_graph_facts(path: Path) -> GraphFacts:
    """Return the facts of a file; raises ModelError for one that is no ONNX model."""
    from rtformer_ros.deploy.onnx_file import constants_of, read_onnx, take_out_constant_inputs

    model = read_onnx(path)
    take_out_constant_inputs(model)
    graph = model.graph
    constants = constants_of(graph)
    makers = {name: node for node in graph.node for name in node.output}
    nodes = list(_normalisers(graph, constants))
    values = [value for node in nodes for value in _magnitudes(node, constants)]
    deciding = {output.name: _decider(output.name, makers) for output in graph.output}
    channels = _channels(model)
    return GraphFacts(
        producer=f'{model.producer_name} {model.producer_version}'.strip(),
        normalisers=tuple(node.op_type for node in nodes),
        takes_bytes_range=any(np.max(value) > _MOST_OF_UNIT_PIXELS for value in values),
        is_bgr=any(_is_caffe_mean(value) for value in values),
        deciders={name: node.op_type if node else '' for name, node in deciding.items()},
        classes={
            name: channels[node.input[0]]
            for name, node in deciding.items()
            if node is not None and node.op_type == 'ArgMax' and node.input[0] in channels
        },
    )


def _decider(name: str, makers: dict[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    seen: set[str] = set()
    while name in makers and name not in seen:
        seen.add(name)
        node = makers[name]
        if node.op_type not in _PASSIVE or not node.input:
            return node
        name = node.input[0]
    return None


def _normalisers(graph: onnx.GraphProto, constants: Arrays) -> Iterator[onnx.NodeProto]:
    """Yield the arithmetic with constants through which the picture goes before all else."""
    reached = {value.name for value in graph.input}
    for node in graph.node:
        if not node.input or node.input[0] not in reached | constants.keys():
            continue
        fed = [name for name in node.input if name in reached]
        rest_is_constant = all(
            name in constants for name in node.input if name and name not in fed
        )
        if not fed or not rest_is_constant:
            continue
        if node.op_type in _ARITHMETIC:
            yield node
        if node.op_type in _ARITHMETIC | _PASSIVE:
            reached.update(node.output)


def _magnitudes(node: onnx.NodeProto, constants: Arrays) -> Iterator[Magnitudes]:
    """Yield the constants of a normaliser in the unit of the pixels that it expects."""
    names = node.input[3:5] if node.op_type == 'BatchNormalization' else node.input
    for slot, name in enumerate(names):
        if name not in constants or not constants[name].size:
            continue
        value = np.abs(np.asarray(constants[name], np.float64)).reshape(-1)
        if node.op_type == 'BatchNormalization' and slot == 1:
            value = np.sqrt(value)
        if node.op_type == 'Mul':
            value = 1 / np.maximum(value, 1e-12)
        if np.isfinite(value).all():
            yield value


def _is_caffe_mean(value: Magnitudes) -> bool:
    return value.size == 3 and bool(np.allclose(value, [104, 117, 123.5], atol=1.0))


def _channels(model: onnx.ModelProto) -> dict[str, int]:
    """Return the second dimension, or the last of an NHWC tensor, where ArgMax reads it."""
    from rtformer_ros.deploy.onnx_file import tensor_shapes

    shapes, found = tensor_shapes(model), {}
    for node in model.graph.node:
        shape = shapes.get(node.input[0], ()) if node.op_type == 'ArgMax' else ()
        axis = next((each.i for each in node.attribute if each.name == 'axis'), 0)
        if shape and -len(shape) <= axis < len(shape) and shape[axis] > 1:
            found[node.input[0]] = shape[axis]
    return found
