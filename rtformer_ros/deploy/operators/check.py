# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check a graph for what TensorRT's ONNX importer refuses, before a robot has to find out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from rtformer_ros.deploy.onnx_file import constants_of, element_types, read_onnx
from rtformer_ros.deploy.operators.rules import computed_tensors, Graph, RULES
from rtformer_ros.deploy.operators.tables import OPSETS, Release


@dataclass(frozen=True)
class Finding:
    """
    A part of a model that TensorRT would refuse, or that the engines here could not use.

    node: its name, or that of a graph input; operator: empty where it is none. problem: what is
    wrong; advice: what to do about it.
    """

    node: str
    operator: str
    problem: str
    advice: str

    def __str__(self) -> str:
        """Return one line for people."""
        where = f"{self.operator} '{self.node}'" if self.operator else self.node
        return f'{where}: {self.problem}; {self.advice}'


def check_operators(
    source: Path | str | onnx.ModelProto, release: Release = '10'
) -> list[Finding]:
    """
    Return what TensorRT of a release would refuse of an ONNX model; nothing if it takes it all.

    Looks at operators, types, convolutions with computed weights, bytes inside of the graph, free
    sizes, loops, and the version of the operator set; see `tables` for the source. It
    reads the graph alone and needs no TensorRT. Raises ModelError for a file that is no model.
    """
    model = read_onnx(source)
    return [
        *_of_opset(model, release),
        *_of_inputs(model.graph),
        *_of_nodes(model, release),
    ]


def _of_opset(model: onnx.ModelProto, release: Release) -> Iterator[Finding]:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version, taken = versions.get('', versions.get('ai.onnx', 0)), OPSETS[release]
    if version not in taken:
        yield Finding(
            'the model',
            '',
            f'it is of opset {version}; TensorRT {release} takes {taken[0]} to {taken[-1]}',
            'export it with another opset',
        )


def _of_inputs(graph: onnx.GraphProto) -> Iterator[Finding]:
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        free = [dim.dim_param or '?' for dim in dims[1:] if dim.dim_value < 1]
        if value.name not in constants and (free or not dims):
            yield Finding(
                f"input '{value.name}'",
                '',
                f'its size is free in {", ".join(free) or "every dimension"}; only the number of '
                'images may be',
                'export it for one height and width',
            )


def _of_nodes(model: onnx.ModelProto, release: Release) -> Iterator[Finding]:
    graph = Graph(
        types=element_types(model),
        constants=constants_of(model.graph),
        computed=computed_tensors(model.graph),
        inputs=frozenset(value.name for value in model.graph.input),
        outputs=frozenset(value.name for value in model.graph.output),
        release=release,
    )
    for node in model.graph.node:
        name = node.name or ', '.join(node.output)
        for rule in RULES:
            for problem, advice in rule(node, graph):
                yield Finding(name, node.op_type, problem, advice)
