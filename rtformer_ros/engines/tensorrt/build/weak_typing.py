# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Hold TensorRT 8.5 and 8.6 to the precision that a model was written in.

Their networks are weakly typed: types are hints, and flags say what the builder may choose from.
From 10 on networks are strongly typed and nothing of this is needed, or there any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from rtformer_ros.engines.precision import BuilderPrecision
    from rtformer_ros.engines.tensorrt.bindings import Bindings

# Whose types are those of what they hold, convert or describe; IDENTITY is the Cast of 8.5.
_FREE_LAYERS = ('CONSTANT', 'CAST', 'IDENTITY', 'SHAPE', 'QUANTIZE', 'DEQUANTIZE')


def allow_precisions(
    trt: Bindings, config: Any, network: Any, precision: BuilderPrecision
) -> None:
    """
    Set the builder flags for a parsed network, and bind its FP32 layers to FP32.

    precision: 'fp32' allows nothing else; 'fp16' and 'typed' allow FP16, and INT8 where the
    network has Q/DQ layers. Layers that compute in FP32 in a model with FP16 parts do so because
    FP16 overflows or underflows there: the builder may not take FP16 for them.
    """
    if precision == 'fp32':
        return
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    if any(layer.type == trt.LayerType.QUANTIZE for layer in layers):
        config.set_flag(trt.BuilderFlag.INT8)
    quantized = _quantized_tensors(trt, layers)
    free = [getattr(trt.LayerType, name, None) for name in _FREE_LAYERS]
    for layer in layers:
        names = {tensor.name for tensor in (*_inputs(layer), *_outputs(layer))}
        if layer.type not in free and not names & quantized:
            _bind(trt, layer)


def relax_precisions(trt: Bindings, config: Any) -> bool:
    """Let the builder break precisions where it must; return whether it had to obey them."""
    if not config.get_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS):
        return False
    config.clear_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
    return True


def _bind(trt: Bindings, layer: Any) -> None:
    outputs = [tensor.dtype == trt.DataType.FLOAT for tensor in _outputs(layer)]
    if any(outputs):
        layer.precision = trt.DataType.FLOAT
    for index, is_float in enumerate(outputs):
        if is_float:
            layer.set_output_type(index, trt.DataType.FLOAT)


def _quantized_tensors(trt: Bindings, layers: list[Any]) -> set[str]:
    """Return the names of tensors that stand for INT8 ones: the layers between run in INT8."""
    names: set[str] = set()
    for layer in layers:
        if layer.type == trt.LayerType.QUANTIZE:
            names.update(tensor.name for tensor in _inputs(layer))
        elif layer.type == trt.LayerType.DEQUANTIZE:
            names.update(tensor.name for tensor in _outputs(layer))
    return names


def _inputs(layer: Any) -> Iterator[Any]:
    # An input that an operator leaves out is None.
    tensors = (layer.get_input(index) for index in range(layer.num_inputs))
    return (tensor for tensor in tensors if tensor is not None)


def _outputs(layer: Any) -> Iterator[Any]:
    return (layer.get_output(index) for index in range(layer.num_outputs))
