# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find the nodes of a graph whose results half precision cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from rtformer_ros.deploy.onnx_file import Arrays

_SUMS = frozenset(
    {
        'ReduceSum', 'ReduceMean', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSum',
        'ReduceLogSumExp', 'ReduceProd', 'GlobalAveragePool', 'GlobalLpPool', 'CumSum',
        'LogSoftmax', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization',
        'MeanVarianceNormalization', 'LpNormalization',
    }
)  # fmt: skip
_POINTWISE = frozenset(
    {
        'Abs', 'Add', 'Clip', 'Div', 'Exp', 'Log', 'Max', 'Min', 'Mul', 'Neg', 'Pow',
        'Reciprocal', 'Round', 'Sqrt', 'Sub',
    }
)  # fmt: skip
_HALF_MAX = float(np.finfo(np.float16).max)
_HALF_SMALLEST_NORMAL = float(np.finfo(np.float16).smallest_normal)


def fp32_nodes(graph: onnx.GraphProto, constants: Arrays) -> set[int]:
    """
    Return the indices of the nodes of an FP32 graph that stay FP32 in a half-precision one.

    These are sums over many elements, whose total or whose accumulator half precision cannot
    hold; exponentials and softmaxes that are summed up, whose small terms it would lose; and what
    scales such sums, so that quotients are formed before they are rounded. The same goes for
    arithmetic with constants outside its range, such as a divisor's epsilon. RTFormer's attention
    over space is such a place: weights of a softmax over all pixels, divided by their sum over a
    head. constants: arrays by the names of those tensors that no input changes.
    """
    nodes = list(graph.node)
    producers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    kept = {i for i, node in enumerate(nodes) if node.op_type in _SUMS}
    kept |= {i for i, node in enumerate(nodes) if _is_out_of_range(node, constants)}
    kept |= {
        producers[name]
        for i in kept
        for name in nodes[i].input
        if name in producers and nodes[producers[name]].op_type in ('Softmax', 'Exp')
    }
    return _grown(nodes, producers, kept)


def _grown(
    nodes: Sequence[onnx.NodeProto], producers: Mapping[str, int], kept: set[int]
) -> set[int]:
    """Add the pointwise nodes that read from the kept ones; nodes come in the order of running."""
    grown = set(kept)
    for index, node in enumerate(nodes):
        if node.op_type in _POINTWISE and any(producers.get(n) in grown for n in node.input):
            grown.add(index)
    return grown


def _is_out_of_range(node: onnx.NodeProto, constants: Arrays) -> bool:
    """Return whether a constant overflows, or one of pointwise arithmetic underflows."""
    for name in node.input:
        values = np.abs(constants.get(name, np.zeros(0, np.float32)))
        if values.dtype != np.float32 or not values.size:
            continue
        is_small = (values > 0) & (values < _HALF_SMALLEST_NORMAL)
        if values.max() > _HALF_MAX or (node.op_type in _POINTWISE and is_small.any()):
            return True
    return False
