# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find the convolutions of a network that post-training quantisation would quantise."""

from __future__ import annotations

from rtformer_ros.deploy.export import ImageSize, OPSETS, traced
from rtformer_ros.deploy.exportable import exportable, weights_in_graph
from rtformer_ros.deploy.sensitive_convolutions import sensitive_convolutions
from rtformer_ros.errors import ModelError
from rtformer_ros.network.family import SegmentationNetwork
from torch import nn

_SIZE = ImageSize(128, 128)


def quantisable_convolutions(network: SegmentationNetwork) -> tuple[str, ...]:
    """
    Return the names of the convolutions that `quantize` would quantise, in the order of the graph.

    Those are left out that lose too much (see sensitive_convolutions), that are no modules, as the
    keys and values of attention, and that only training runs. Raises ModelError where none is
    left.
    """
    graph = traced(exportable(network, _SIZE.height, _SIZE.width), _SIZE, OPSETS[0]).graph
    sensitive = sensitive_convolutions(graph)
    names = {
        weights_in_graph(name): name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    found = dict.fromkeys(
        names[node.input[1]]
        for node in graph.node
        if node.op_type == 'Conv' and node.name not in sensitive and node.input[1] in names
    )
    if not found:
        raise ModelError(
            f'{network.family.title} has no convolutions to quantise but those that lose too much'
        )
    return tuple(found)
