# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures as graphs of their own, each run only while somebody looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper
from rtformer_ros.deploy.frames.frame_pixels import FramePixels
from rtformer_ros.deploy.frames.graph_writer import GraphWriter
from rtformer_ros.deploy.onnx_file import check_onnx

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""The newest that TensorRT 8.6 reads."""

_PREFIX = 'pictures/'
_SIZE = ('n', 'height', 'width')
_TABLE = 256


def picture_graph(picture: str, encoding: str) -> onnx.ModelProto:
    """
    Return the graph of a picture by its name, for frames of one encoding.

    Raises ConfigError for an encoding that no graph takes.
    """
    return overlay_graph(encoding) if picture == 'overlay' else color_mask_graph()


def color_mask_graph() -> onnx.ModelProto:
    """
    Return a graph that paints class ids.

    Inputs: `class_map` uint8 [n, height, width]; `palette` float [256, 3], colours 0..255. Output:
    `color_mask` uint8 [n, height, width, 3], in the palette's channel order.
    """
    writer = GraphWriter(_PREFIX)
    writer.byte_output('color_mask', _colors(writer, _ids(writer)), (*_SIZE, 3))
    return _model(writer, 'color_mask')


def overlay_graph(encoding: str) -> onnx.ModelProto:
    """
    Return a graph that mixes frames of one encoding with the colours of their classes.

    Inputs: the frame as FramePixels has it; `class_map` and `palette` as color_mask_graph has
    them, of the frame's size; `opacity` float [256, 1], the share of the colour for each id, 0 for
    ids that leave the frame as it is. With NV12 and NV21 `chroma_rows` int32 [height], half the
    number of each row. Output: `overlay` uint8 [n, height, width, 3], RGB.
    Raises ConfigError for an encoding that no graph takes.
    """
    writer = GraphWriter(_PREFIX)
    pixels = FramePixels(encoding)
    frame = pixels.rgb(writer, pixels.channels(writer))
    ids = _ids(writer)
    color = _colors(writer, ids)
    table = writer.input('opacity', 'float', (_TABLE, 1))
    opacity = writer.node('Gather', table, ids, axis=0)
    difference = writer.node('Mul', writer.node('Sub', color, frame), opacity)
    mixed = writer.rounded(writer.node('Add', frame, difference))
    writer.byte_output('overlay', mixed, (*_SIZE, 3))
    return _model(writer, 'overlay')


def _ids(writer: GraphWriter) -> str:
    # Bytes become integers by way of floats alone in TensorRT.
    class_map = writer.input('class_map', 'uint8', _SIZE)
    return writer.cast(writer.cast(class_map, 'float'), 'int32')


def _colors(writer: GraphWriter, ids: str) -> str:
    palette = writer.input('palette', 'float', (_TABLE, 3))
    return writer.node('Gather', palette, ids, axis=0)


def _model(writer: GraphWriter, name: str) -> onnx.ModelProto:
    graph = helper.make_graph(writer.nodes, name, writer.inputs, writer.outputs, writer.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=8)
    model.producer_name = 'rtformer_ros'
    check_onnx(model, f'the graph of the {name}')
    return model
