# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rewrite an FP32 graph so that its convolutions compute in INT8, in the form of CPU runtimes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from rtformer_ros.deploy.onnx_file import check_onnx
from rtformer_ros.deploy.sensitive_convolutions import sensitive_convolutions
from rtformer_ros.deploy.static_quantization import (
    convolutions_to_quantise,
    free_readers,
    PictureEncoding,
    quantise_nodes,
    QuantiserForm,
    read_fp32,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

# What is folded into the convolution before: the range of its output cuts off as they do.
_ACTIVATIONS = ('Relu', 'Clip')
# A range goes from the mean of the images' minima to that of their maxima, so that one glaring
# image does not coarsen it.
_FORM = QuantiserForm(QuantType.QUInt8, ('Conv', *_ACTIVATIONS), {'CalibMovingAverage': True})


def quantize_for_cpu(
    source: Path | str | onnx.ModelProto,
    images: Iterable[npt.NDArray[np.uint8]],
    *,
    keep: Collection[str] = (),
    encoding: PictureEncoding | None = None,
) -> onnx.ModelProto:
    """
    Return an FP32 model whose convolutions ONNX Runtime and OpenVINO fuse into INT8 ones.

    Tensors are unsigned with a zero point, weights signed with a scale for each output channel,
    biases int32; what a convolution returns is quantised too, with the activation behind it folded
    in. Additions, concatenations, pools and all else compute in FP32. So do sensitive
    convolutions, but for the head's hidden one, whose unsigned tensors are fine enough, and those
    named in keep. images, encoding: as for quantize. Inputs, outputs and properties stay as they
    are. Raises ConfigError and ModelError as quantize does.
    """
    model = read_fp32(source)
    graph = model.graph
    sensitive = sensitive_convolutions(graph, with_hidden_head=False)
    convolutions = convolutions_to_quantise(graph, {*sensitive, *keep})
    activations = _activations_behind(graph, {*convolutions})
    quantised = quantise_nodes(model, [*convolutions, *activations], images, _FORM, encoding)
    free_readers(
        quantised.graph,
        lambda maker, reader: maker.name in convolutions or reader.name in convolutions,
    )
    check_onnx(quantised, 'the INT8 graph')
    return quantised


def _activations_behind(graph: onnx.GraphProto, convolutions: set[str]) -> list[str]:
    outputs = {name for node in graph.node if node.name in convolutions for name in node.output}
    return [
        node.name
        for node in graph.node
        if node.op_type in _ACTIVATIONS and node.name and node.input[0] in outputs
    ]
