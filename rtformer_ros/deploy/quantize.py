"""Rewrite an FP32 graph so that its convolutions compute in INT8, calibrated on real images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from rtformer_ros.deploy.graph_precision import QUANTISED_HALF_OPSET, precision_of, to_fp16
from rtformer_ros.deploy.mixed_precision_graph import FLOAT, QUANTISERS, MixedPrecisionGraph
from rtformer_ros.deploy.onnx_file import check_onnx, element_types, read_onnx, with_opset
from rtformer_ros.deploy.sensitive_convolutions import sensitive_convolutions
from rtformer_ros.errors import ConfigError, ModelError, RtformerError
from rtformer_ros.imaging.resize import Size, place, to_network
from rtformer_ros.model_metadata import HALF_QUANTISED

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

# Says that the graph needs no preparation before it is quantised; without it the library warns.
_PREPARED = ('onnx.quant.pre_process', 'onnxruntime.quant')
_OPTIONS = {
    'ActivationSymmetric': True,
    'WeightSymmetric': True,
    # TensorRT wants pairs where a convolution reads its picture and its weights, bias left out.
    'AddQDQPairToWeight': True,
    'QuantizeBias': False,
    'OpTypesToExcludeOutputQuantization': ['Conv'],
    'DedicatedQDQPair': True,
}


def quantize(
    source: Path | str | onnx.ModelProto,
    images: Iterable[npt.NDArray[np.uint8]],
    *,
    rest: Literal['fp16', 'fp32'] = 'fp16',
    keep: Collection[str] = (),
) -> onnx.ModelProto:
    """
    Return an FP32 model with QuantizeLinear/DequantizeLinear pairs around its convolutions.

    images: uint8 [h, w, 3], RGB, of any size, like those that the model will see; they are brought
    to its size as the engines do it, by stretching. Ten to a hundred are enough. Values are
    symmetric, weights have a scale for each output channel. Sensitive convolutions (the first,
    those of attention over space, the head) and all other operators stay in the precision `rest`;
    so do the nodes named in keep. Inputs, outputs and properties stay as they are.
    rest: 'fp16' for TensorRT 10 and later (opset 19; to run it on a CPU, see to_fp32); 'fp32' for
    TensorRT 8, which reads no other scales and chooses FP16 itself, and for ONNX Runtime.
    Raises ConfigError without images, ModelError for a model that is not FP32, that does not take
    uint8 [n, height, width, 3], or that has no convolution to quantise.
    """
    model = read_onnx(source)
    if precision_of(model) != 'fp32':
        raise ModelError(f'the model is {precision_of(model)} already; expected an FP32 model')
    size = _input_size(model)
    _write_out_constants(model)
    nodes = _convolutions(model.graph, keep)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if rest == 'fp16':
        model = with_opset(model, QUANTISED_HALF_OPSET)
    onnx.helper.set_model_props(model, dict([_PREPARED]))
    quantised = _quantised(model, nodes, _Calibration(images, model.graph.input[0].name, size))
    _free_other_readers(quantised.graph, {*nodes})
    onnx.helper.set_model_props(quantised, properties)
    quantised.producer_name = model.producer_name
    quantised.producer_version = model.producer_version
    check_onnx(quantised, 'the INT8 graph')
    if rest == 'fp32':
        return quantised
    onnx.helper.set_model_props(quantised, {**properties, HALF_QUANTISED: 'true'})
    return to_fp16(quantised)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """The images as the inputs of a model, one at a time."""

    def __init__(self, images: Iterable[npt.NDArray[np.uint8]], name: str, size: Size) -> None:
        self._images: Iterator[npt.NDArray[np.uint8]] = iter(images)
        self._name, self._size = name, size
        self.count = 0

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """Return the next input by its name, None after the last."""
        image_hwc = next(self._images, None)
        if image_hwc is None:
            return None
        self.count += 1
        placement = place((image_hwc.shape[0], image_hwc.shape[1]), self._size, 'stretch')
        resized = to_network(image_hwc, placement, np.empty((*self._size, 3), np.uint8))
        return {self._name: resized[np.newaxis]}


def _quantised(
    model: onnx.ModelProto, nodes: list[str], calibration: _Calibration
) -> onnx.ModelProto:
    with TemporaryDirectory(prefix='rtformer_ros_') as folder:
        path = Path(folder) / 'quantised.onnx'
        try:
            quantize_static(
                model,
                path,
                calibration,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=['Conv'],
                nodes_to_quantize=nodes,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                extra_options=_OPTIONS,
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


def _free_other_readers(graph: onnx.GraphProto, convolutions: set[str]) -> None:
    """
    Let nodes other than the quantised convolutions read tensors as they were.

    The library puts a pair before every reader of a quantised tensor. Additions keep theirs: with
    a skip connection in INT8, TensorRT adds it in the convolution before.
    """
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type in ('Add', *QUANTISERS) or node.name in convolutions:
            continue
        for slot, name in enumerate(node.input):
            if name in makers and makers[name].op_type == 'DequantizeLinear':
                node.input[slot] = makers[makers[name].input[0]].input[0]
    for _ in QUANTISERS:
        read = {name for node in graph.node for name in node.input}
        for node in [each for each in graph.node if each.op_type in QUANTISERS]:
            if read.isdisjoint(node.output):
                graph.node.remove(node)


def _write_out_constants(model: onnx.ModelProto) -> None:
    """Make initialisers of all constants: the library sees no others."""
    graph = MixedPrecisionGraph(model.graph, element_types(model))
    for node in model.graph.node:
        graph.add(node, FLOAT)
    graph.replace(model.graph)


def _convolutions(graph: onnx.GraphProto, keep: Collection[str]) -> list[str]:
    kept = sensitive_convolutions(graph) | set(keep)
    constants = {tensor.name for tensor in graph.initializer}
    names = [
        node.name
        for node in graph.node
        if node.op_type == 'Conv' and node.name not in kept and node.input[1] in constants
    ]
    if not all(names) or not names:
        raise ModelError(
            f'the model has {len(names)} convolutions to quantise, some of them without a name; '
            'expected named ones: export it again'
        )
    return names


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
