# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find the convolutions of a segmentation graph that lose too much in INT8."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import onnx
from rtformer_ros.deploy.fp32_islands import fp32_nodes
from rtformer_ros.deploy.onnx_file import constants_of

_LAYOUT = frozenset(
    {'Cast', 'Flatten', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'}
)
_ACTIVATIONS = frozenset({'BatchNormalization', 'Clip', 'Identity', 'Relu'})


def sensitive_convolutions(graph: onnx.GraphProto, *, with_hidden_head: bool = True) -> set[str]:
    """
    Return the names of the convolutions that had better not be quantised.

    These are the ones that read the image, those beside a normalisation that half precision
    cannot hold either (the keys and values of attention over space), and the head: the ones
    behind which no other comes, and, with_hidden_head, those that feed these through an
    activation.
    """
    nodes = _Nodes(graph)
    islands = fp32_nodes(graph, constants_of(graph))
    first = nodes.reached(
        nodes.readers(value.name for value in graph.input), nodes.after, _is_inner
    )
    keys_and_values = {
        conv
        for conv in nodes.convolutions
        for step in (nodes.after, nodes.before)
        if nodes.reached(step(conv), step, _is_layout) & islands
    }
    last = {
        conv
        for conv in nodes.convolutions
        if not nodes.reached(nodes.after(conv), nodes.after, _is_inner) & nodes.convolutions
    }
    feeding = {
        index
        for conv in (last if with_hidden_head else ())
        for index in nodes.reached(nodes.before(conv), nodes.before, _is_activation)
    }
    found = (first | keys_and_values | last | feeding) & nodes.convolutions
    return {graph.node[index].name for index in found}


class _Nodes:
    """The nodes of a graph by index, and the ways between them."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = list(graph.node)
        self.convolutions = {i for i, node in enumerate(self._nodes) if node.op_type == 'Conv'}
        self._producers = {name: i for i, node in enumerate(self._nodes) for name in node.output}
        self._readers: dict[str, set[int]] = {}
        for index, node in enumerate(self._nodes):
            for name in filter(None, node.input):
                self._readers.setdefault(name, set()).add(index)

    def readers(self, names: Iterable[str]) -> set[int]:
        """Return the nodes that read one of these tensors."""
        return {index for name in names for index in self._readers.get(name, ())}

    def after(self, index: int) -> set[int]:
        """Return the nodes that read what a node returns."""
        return self.readers(self._nodes[index].output)

    def before(self, index: int) -> set[int]:
        """Return the node that makes the first input of a node."""
        return {self._producers[n] for n in self._nodes[index].input[:1] if n in self._producers}

    def reached(
        self, start: set[int], step: Callable[[int], set[int]], passes: Callable[[str], bool]
    ) -> set[int]:
        """Return `start` and all that is reached from it through operators that let pass."""
        found, new = set(start), set(start)
        while new:
            passing = {index for index in new if passes(self._nodes[index].op_type)}
            new = {after for index in passing for after in step(index)} - found
            found |= new
        return found


def _is_inner(operator: str) -> bool:
    return operator != 'Conv'


def _is_layout(operator: str) -> bool:
    return operator in _LAYOUT


def _is_activation(operator: str) -> bool:
    return operator in _ACTIVATIONS
