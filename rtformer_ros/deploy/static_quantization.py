# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Static quantisation: put quantisers into an FP32 graph, with ranges measured on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static, QuantType
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.mixed_precision_graph import FLOAT, MixedPrecisionGraph, QUANTISERS
from rtformer_ros.deploy.onnx_file import (
    element_types,
    read_onnx,
    take_out_constant_inputs,
    with_opset,
)
from rtformer_ros.errors import ConfigError, ModelError, RtformerError
from rtformer_ros.imaging.resize import place, Size, to_network

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

# The first ONNX operator set whose quantisers have a scale for each channel.
_CHANNEL_SCALES_OPSET = 13
# Says that the graph needs no preparation before it is quantised; without it the library warns.
_PREPARED = ('onnx.quant.pre_process', 'onnxruntime.quant')


@dataclass(frozen=True)
class QuantiserForm:
    """
    The quantisers that a runtime can fuse.

    activation_type: of tensors; weights are signed, with a scale for each output channel.
    operators: ONNX operators that may be quantised. options: extra_options of quantize_static.
    """

    activation_type: QuantType
    operators: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PictureEncoding:
    """
    How a model is fed that another program made.

    size: (height, width) in pixels. encode: from RGB images of that size, uint8 [N, H, W, 3], to
    the tensor that it takes.
    """

    size: Size
    encode: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]


def read_fp32(source: Path | str | onnx.ModelProto) -> onnx.ModelProto:
    """
    Return a copy of an FP32 model, in the form that quantise_nodes wants.

    Its constants are all initialisers, its nodes have names, and its operator set knows scales for
    each channel. Raises ModelError for a model that is not FP32.
    """
    model = read_onnx(source)
    take_out_constant_inputs(model)
    if precision_of(model) != 'fp32':
        raise ModelError(f'the model is {precision_of(model)} already; expected an FP32 model')
    model = with_opset(model, _CHANNEL_SCALES_OPSET)
    _name_nodes(model.graph)
    graph = MixedPrecisionGraph(model.graph, element_types(model))
    for node in model.graph.node:
        graph.add(node, FLOAT)
    graph.replace(model.graph)
    return model


def convolutions_to_quantise(graph: onnx.GraphProto, kept: Collection[str]) -> list[str]:
    """
    Return the names of the convolutions with constant weights, but for those that are `kept`.

    Raises ModelError where there are none.
    """
    constants = {tensor.name for tensor in graph.initializer}
    names = [
        node.name
        for node in graph.node
        if node.op_type == 'Conv' and node.name not in kept and node.input[1] in constants
    ]
    if not names:
        raise ModelError(
            'the model has no convolutions to quantise but those that lose too much; use it in '
            'FP16 or as it is'
        )
    return names


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken = {node.name for node in graph.node}
    for index, node in enumerate(graph.node):
        name = node.name or f'{node.op_type}_{index}'
        while not node.name and name in taken:
            name += '_'
        node.name = name
        taken.add(name)


def quantise_nodes(
    model: onnx.ModelProto,
    nodes: Collection[str],
    images: Iterable[npt.NDArray[np.uint8]],
    form: QuantiserForm,
    encoding: PictureEncoding | None = None,
) -> onnx.ModelProto:
    """
    Return a model with quantisers of a form around some of its nodes; properties stay.

    model: of read_fp32. images: uint8 [h, w, 3], RGB, of any size, like those that the model will
    see; they are stretched to its size, as the engines do it. encoding: how they are fed, None for
    models of this package.
    Raises ConfigError without images, ModelError for a model that cannot be quantised or is fed
    in another way.
    """
    encoding = encoding or PictureEncoding(_input_size(model), lambda images_nhwc: images_nhwc)
    calibration = _Calibration(images, model.graph.input[0].name, encoding)
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    onnx.helper.set_model_props(prepared, dict([_PREPARED]))
    quantised = _quantised(prepared, list(nodes), calibration, form)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(quantised, properties)
    quantised.producer_name = model.producer_name
    quantised.producer_version = model.producer_version
    return quantised


def free_readers(
    graph: onnx.GraphProto, is_quantised: Callable[[onnx.NodeProto, onnx.NodeProto], bool]
) -> None:
    """
    Let nodes read tensors as they were, where the library put quantisers before every reader.

    is_quantised: from the node that makes a tensor and one that reads it to whether the reader
    keeps its quantisers. Quantisers that nobody reads any more are removed.
    """
    makers = {name: node for node in graph.node for name in node.output}
    for node in [each for each in graph.node if each.op_type not in QUANTISERS]:
        for slot, name in enumerate(node.input):
            quantiser = _quantiser_before(name, makers)
            if quantiser is None:
                continue
            original = quantiser.input[0]
            if not is_quantised(makers.get(original, onnx.NodeProto()), node):
                node.input[slot] = original
    for _ in QUANTISERS:
        read = {name for node in graph.node for name in node.input}
        for node in [each for each in graph.node if each.op_type in QUANTISERS]:
            if read.isdisjoint(node.output):
                graph.node.remove(node)


def _quantiser_before(name: str, makers: Mapping[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """Return what quantised a tensor that is dequantised; None for others, and for weights."""
    if name not in makers or makers[name].op_type != 'DequantizeLinear':
        return None
    return makers.get(makers[name].input[0])


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """The images as the inputs of a model, one at a time."""

    def __init__(
        self, images: Iterable[npt.NDArray[np.uint8]], name: str, encoding: PictureEncoding
    ) -> None:
        self._images: Iterator[npt.NDArray[np.uint8]] = iter(images)
        self._name, self._encoding = name, encoding
        self.count = 0

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """Return the next input by its name, None after the last."""
        image_hwc = next(self._images, None)
        if image_hwc is None:
            return None
        self.count += 1
        size = self._encoding.size
        placement = place((image_hwc.shape[0], image_hwc.shape[1]), size, 'stretch')
        resized = to_network(image_hwc, placement, np.empty((*size, 3), np.uint8))
        return {self._name: self._encoding.encode(resized[np.newaxis])}


def _quantised(
    model: onnx.ModelProto, nodes: list[str], calibration: _Calibration, form: QuantiserForm
) -> onnx.ModelProto:
    with TemporaryDirectory(prefix='rtformer_ros_') as folder:
        path = Path(folder) / 'quantised.onnx'
        try:
            quantize_static(
                model,
                path,
                calibration,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(form.operators),
                nodes_to_quantize=nodes,
                per_channel=True,
                activation_type=form.activation_type,
                weight_type=QuantType.QInt8,
                extra_options=dict(form.options),
            )
        except RtformerError:
            raise
        # The library raises bare exceptions, and those of ONNX Runtime have no base of their own.
        except Exception as error:
            if not calibration.count:
                raise ConfigError(
                    'there are no images to calibrate with; expected ten or more that are like '
                    'those that the robot sees'
                ) from error
            raise ModelError(f'the model cannot be quantised: {error}') from error
        return onnx.load(path)


def _input_size(model: onnx.ModelProto) -> Size:
    """Return (height, width); raises ModelError unless images go in as bytes."""
    tensor: Any = model.graph.input[0].type.tensor_type
    dims = [dim.dim_value for dim in tensor.shape.dim]
    is_bytes = tensor.elem_type == TensorProto.UINT8 and len(dims) == 4 and dims[3] == 3
    if len(model.graph.input) != 1 or not is_bytes or min(dims[1:3]) < 1:
        raise ModelError(
            f'the model takes {TensorProto.DataType.Name(tensor.elem_type)} {dims} (0: any); '
            "expected uint8 [n, height, width, 3], as 'ros2 run rtformer_ros export' makes it"
        )
    return dims[1], dims[2]
