# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frame input: a model that takes a camera's frame as it came and returns masks of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto
from rtformer_ros.deploy.frames.frame_pixels import FramePixels
from rtformer_ros.deploy.frames.graph_writer import GraphWriter
from rtformer_ros.deploy.onnx_file import check_onnx, read_onnx, with_opset
from rtformer_ros.errors import ModelError

FRAME_ENCODING = 'rtformer_ros.frame_encoding'
"""A property of models that take frames: the encoding of these, as sensor_msgs has it."""

_PREFIX = 'frame/'
# From which on sums and inserted dimensions have their axes as inputs.
_LEAST_OPSET = 13
_CLASSES, _CONFIDENCE = 'class_map', 'confidence'
# Where letterbox bars are, as to_network has them.
_BAR_RGB = (124, 116, 104)


def with_frame_input(source: Path | str | onnx.ModelProto, encoding: str) -> onnx.ModelProto:
    """
    Return an exported model that takes frames of one encoding and returns masks of any size.

    Inputs: the frame as FramePixels has it; `rows`, `columns` int32 and `row_weights`,
    `column_weights` float, [taps, network height] or [taps, network width], `mask_rows` and
    `mask_columns` int32, all as frame_sampling makes them; `remap` float [256], the id that is
    put for each id; `threshold` float [1], the confidence, 0..255, below which a pixel becomes
    unlabelled (255). With NV12 and NV21 `chroma_rows` int32, half of `rows`, rounded down.
    Outputs, uint8: `class_map` and `confidence` [n, mask height, mask width], and
    `network_class_map` [n, network height, network width], from which the first is enlarged.
    It computes no shapes: all sizes but the network's come with the inputs.
    Raises ConfigError for an encoding that no graph takes, ModelError for a model that is not as
    export_onnx makes it.
    """
    model = with_opset(read_onnx(source), _LEAST_OPSET)
    graph = model.graph
    height, width = _network_size(graph)
    pixels = FramePixels(encoding)
    front = GraphWriter(_PREFIX)
    image = _network_image(front, pixels, height, width)
    _replace_input(graph, image)
    tail = GraphWriter(f'{_PREFIX}mask_')
    _masks(tail, _before_bytes(graph, _CLASSES), _before_bytes(graph, _CONFIDENCE), height, width)
    nodes = [*front.nodes, *graph.node, *tail.nodes]
    for field, values in (
        ('node', nodes),
        ('input', [*front.inputs, *tail.inputs]),
        ('output', tail.outputs),
    ):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    graph.initializer.extend([*front.constants, *tail.constants])
    graph.ClearField('value_info')
    entry = model.metadata_props.add()
    entry.key, entry.value = FRAME_ENCODING, encoding
    check_onnx(model, 'the graph with a frame as its input')
    return model


def with_sizes(model: onnx.ModelProto, sizes: dict[str, int]) -> onnx.ModelProto:
    """
    Return a model whose free dimensions of those names have these sizes, as compilers want it.

    Raises ModelError for a name that no input has.
    """
    fixed = read_onnx(model)
    found = set()
    for value in (*fixed.graph.input, *fixed.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                found.add(dim.dim_param)
                dim.dim_value = sizes[dim.dim_param]
    if missing := sizes.keys() - found:
        raise ModelError(f'no dimension of the model is called {", ".join(sorted(missing))}')
    return fixed


def _network_size(graph: onnx.GraphProto) -> tuple[int, int]:
    """Return height and width; raises ModelError unless the model is as export_onnx makes it."""
    kinds = [value.type.tensor_type for value in graph.input]
    dims = [dim.dim_value for dim in kinds[0].shape.dim] if len(kinds) == 1 else []
    names = {value.name for value in graph.output}
    is_ours = len(dims) == 4 and dims[3] == 3 and min(dims[1:3]) > 0
    if not is_ours or kinds[0].elem_type != TensorProto.UINT8 or names != {_CLASSES, _CONFIDENCE}:
        raise ModelError(
            f'the model has {len(kinds)} input(s), of the shape {dims}, and the outputs '
            f'{", ".join(sorted(names))}; expected uint8 [n, height, width, 3], {_CLASSES} and '
            f"{_CONFIDENCE}, as 'ros2 run rtformer_ros export' makes them"
        )
    return dims[1], dims[2]


def _network_image(writer: GraphWriter, pixels: FramePixels, height: int, width: int) -> str:
    """Return RGB, float [n, height, width, 3], whole numbers in 0..255."""
    rows = writer.input('rows', 'int32', ('row_taps', height))
    row_weights = writer.input('row_weights', 'float', ('row_taps', height))
    columns = writer.input('columns', 'int32', ('column_taps', width))
    column_weights = writer.input('column_weights', 'float', ('column_taps', width))
    taken = pixels.channels(writer, rows, ('row_taps', height))
    weighted = writer.node('Mul', taken, _unsqueezed(writer, row_weights, 2, 3))
    low = _sum(writer, weighted, 1)
    taken = writer.node('Gather', low, columns, axis=2)
    weighted = writer.node('Mul', taken, _unsqueezed(writer, column_weights, 2))
    content = pixels.rgb(writer, _sum(writer, weighted, 2))
    # Both are 1 in the picture and 0 in the bars.
    covered = writer.node(
        'Mul',
        _unsqueezed(writer, _sum(writer, row_weights, 0), 1),
        _sum(writer, column_weights, 0),
    )
    uncovered = writer.node('Sub', writer.constant(1), _unsqueezed(writer, covered, 2))
    bars = writer.node('Mul', uncovered, writer.constant(_BAR_RGB))
    return writer.rounded(writer.node('Add', content, bars))


def _masks(writer: GraphWriter, classes: str, confidence: str, height: int, width: int) -> None:
    """Add remap, threshold and enlarging behind ids and confidences at the network's size."""
    remap = writer.input('remap', 'float', (256,))
    threshold = writer.input('threshold', 'float', (1,))
    rows = writer.input('mask_rows', 'int32', ('mask_height',))
    columns = writer.input('mask_columns', 'int32', ('mask_width',))
    confidence = writer.cast(confidence, 'float')
    ids = writer.node('Gather', remap, writer.cast(classes, 'int32'), axis=0)
    is_unsure = writer.node('Less', confidence, threshold)
    ids = writer.node('Where', is_unsure, writer.constant(255), ids)
    for name, values in ((_CLASSES, ids), (_CONFIDENCE, confidence)):
        enlarged = writer.node('Gather', values, rows, axis=1)
        enlarged = writer.node('Gather', enlarged, columns, axis=2)
        writer.byte_output(name, enlarged, ('n', 'mask_height', 'mask_width'))
    writer.byte_output(f'network_{_CLASSES}', ids, ('n', height, width))


def _replace_input(graph: onnx.GraphProto, image: str) -> None:
    """Let what reads the bytes of the model's input read floats instead."""
    for node in graph.node:
        for slot, name in enumerate(node.input):
            if name == graph.input[0].name:
                if node.op_type != 'Cast':
                    raise ModelError(
                        f"the model's input is read by {node.op_type}; expected a cast to floats "
                        'alone: export it again'
                    )
                node.input[slot] = image


def _before_bytes(graph: onnx.GraphProto, output: str) -> str:
    """Take out the cast that makes an output of bytes, and return what it read."""
    for node in graph.node:
        if output in node.output and node.op_type == 'Cast':
            graph.node.remove(node)
            return str(node.input[0])
    raise ModelError(f"the model's output {output} is not made by a cast; export it again")


def _sum(writer: GraphWriter, tensor: str, axis: int) -> str:
    return writer.node('ReduceSum', tensor, writer.constant([axis], np.int64), keepdims=0)


def _unsqueezed(writer: GraphWriter, tensor: str, *axes: int) -> str:
    return writer.node('Unsqueeze', tensor, writer.constant(axes, np.int64))
