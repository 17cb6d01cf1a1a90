# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rewrite an FP32 graph so that its convolutions compute in INT8, in the form of TensorRT."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from rtformer_ros.deploy.graph_precision import QUANTISED_HALF_OPSET, to_fp16
from rtformer_ros.deploy.onnx_file import check_onnx, with_opset
from rtformer_ros.deploy.sensitive_convolutions import sensitive_convolutions
from rtformer_ros.deploy.static_quantization import (
    convolutions_to_quantise,
    free_readers,
    PictureEncoding,
    quantise_nodes,
    QuantiserForm,
    read_fp32,
)
from rtformer_ros.model_metadata import HALF_QUANTISED

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

_FORM = QuantiserForm(
    QuantType.QInt8,
    ('Conv',),
    {
        'ActivationSymmetric': True,
        'WeightSymmetric': True,
        # TensorRT wants pairs where a convolution reads its picture and its weights, not its bias.
        'AddQDQPairToWeight': True,
        'QuantizeBias': False,
        'OpTypesToExcludeOutputQuantization': ['Conv'],
        'DedicatedQDQPair': True,
    },
)


def quantize(
    source: Path | str | onnx.ModelProto,
    images: Iterable[npt.NDArray[np.uint8]],
    *,
    rest: Literal['fp16', 'fp32'] = 'fp16',
    keep: Collection[str] = (),
    encoding: PictureEncoding | None = None,
) -> onnx.ModelProto:
    """
    Return an FP32 model with QuantizeLinear/DequantizeLinear pairs around its convolutions.

    images: uint8 [h, w, 3], RGB, of any size, like those that the model will see; they are brought
    to its size as the engines do it, by stretching. Ten to a hundred are enough. Values are
    symmetric, weights have a scale for each output channel. Sensitive convolutions (the first,
    those of attention over space, the head) and all other operators stay in the precision `rest`;
    so do the nodes named in keep. Inputs, outputs and properties stay as they are. encoding: how
    the images are fed, None for uint8 [n, height, width, 3].
    rest: 'fp16' for TensorRT 10 and later (opset 19; to run it on a CPU, see to_fp32); 'fp32' for
    TensorRT 8, which reads no other scales and chooses FP16 itself. ONNX Runtime and OpenVINO gain
    nothing from either: see quantize_for_cpu.
    Raises ConfigError without images, ModelError for a model that is not FP32, that is fed in
    another way, or that has no convolution to quantise.
    """
    model = read_fp32(source)
    nodes = convolutions_to_quantise(model.graph, {*sensitive_convolutions(model.graph), *keep})
    if rest == 'fp16':
        model = with_opset(model, QUANTISED_HALF_OPSET)
    quantised = quantise_nodes(model, nodes, images, _FORM, encoding)
    # With a skip connection in INT8, TensorRT adds it in the convolution before.
    free_readers(
        quantised.graph, lambda _, reader: reader.op_type == 'Add' or reader.name in nodes
    )
    check_onnx(quantised, 'the INT8 graph')
    if rest == 'fp32':
        return quantised
    properties = {entry.key: entry.value for entry in quantised.metadata_props}
    onnx.helper.set_model_props(quantised, {**properties, HALF_QUANTISED: 'true'})
    return to_fp16(quantised)
