# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The graph that is compiled: the model's own, at a fixed size and in the precision asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensor_format import wanted_outputs
from rtformer_ros.engines.tensorrt.frames.frame_shapes import (
    fix_single_frame,
    fix_single_picture,
    ShapeRange,
)
from rtformer_ros.errors import EngineBuildError, ModelError
from rtformer_ros.model_metadata import has_metadata, ModelMetadata

if TYPE_CHECKING:
    # Here and below, what imports onnx: its absence is reported by the process that compiles.
    import onnx
    from rtformer_ros.deploy.graph_precision import GraphPrecision
    from rtformer_ros.engines.precision import CompilePrecision


@dataclass(frozen=True)
class PictureGraph:
    """The file of a graph that paints a picture of frames, in FP32; shapes: of its inputs."""

    path: Path
    shapes: dict[str, ShapeRange]


@dataclass(frozen=True)
class CompileGraph:
    """
    A file to compile, and what is known of it.

    path: the ONNX file; precision: what it computes in; is_typed: the model came with that
    precision, else it was brought to it; metadata: what the model says about itself;
    is_self_described: in the file, not in a YAML file beside it. shapes: of the inputs that are
    free in more than the number of images. pictures: by name, what is compiled beside it to paint
    pictures of frames.
    """

    path: Path
    precision: GraphPrecision
    is_typed: bool
    metadata: ModelMetadata
    is_self_described: bool
    shapes: dict[str, ShapeRange] = field(default_factory=dict)
    pictures: dict[str, PictureGraph] = field(default_factory=dict)


def compile_graph(
    model: Path,
    precision: CompilePrecision,
    size: tuple[int, int],
    folder: Path,
    frame_encoding: str = '',
) -> CompileGraph:
    """
    Return the file to compile: the model, or another form of it that is written to `folder`.

    size: (height, width) in pixels of the input, for a model that takes any. frame_encoding: of
    the frames that it shall take, '' for images.
    Raises ModelError for a file that is no model or takes no frames, EngineBuildError for a graph
    that cannot be brought to FP16, OSError where it cannot be written.
    """
    # Here and below, what imports onnx: its absence is reported by the process that compiles.
    import onnx
    from rtformer_ros.deploy.graph_precision import precision_of
    from rtformer_ros.deploy.onnx_file import read_onnx

    original = read_onnx(model)
    own = precision_of(original)
    properties = {entry.key: entry.value for entry in original.metadata_props}
    metadata = metadata_of(model, properties)
    is_mended = _fix_size(original, metadata, size) | _cast_through_float(original)
    is_mended |= _leave_out_other_outputs(original, metadata)
    is_typed, path = own != 'fp32', model
    is_half = precision == 'fp16' and not is_typed
    compiled = _in_fp16(original) if is_half else original
    shapes: dict[str, ShapeRange] = {}
    if frame_encoding:
        compiled = _with_frame_input(compiled, frame_encoding)
        shapes = fix_single_frame(compiled)
    if is_mended or is_half or frame_encoding:
        path = folder / model.name
        onnx.save(compiled, path)
    computed = own if is_typed else precision
    pictures = _picture_graphs(frame_encoding, folder) if frame_encoding else {}
    return CompileGraph(
        path, computed, is_typed, metadata, has_metadata(properties), shapes, pictures
    )


def _picture_graphs(encoding: str, folder: Path) -> dict[str, PictureGraph]:
    import onnx
    from rtformer_ros.deploy.frames.pictures import picture_graph

    graphs = {}
    for picture in sorted(PICTURES):
        model = picture_graph(picture, encoding)
        shapes = fix_single_picture(model)
        path = folder / f'{picture}.onnx'
        onnx.save(model, path)
        graphs[picture] = PictureGraph(path, shapes)
    return graphs


def _with_frame_input(model: onnx.ModelProto, encoding: str) -> onnx.ModelProto:
    from rtformer_ros.deploy.frames.frame_input import with_frame_input

    return with_frame_input(model, encoding)


def _in_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    from rtformer_ros.deploy.graph_precision import to_fp16

    try:
        return to_fp16(model)
    except ModelError as error:
        raise EngineBuildError(f'the model cannot be brought to FP16: {error}') from error


def _fix_size(model: onnx.ModelProto, metadata: ModelMetadata, size: tuple[int, int]) -> bool:
    """Set height and width of the input where they are free; return whether any was."""
    initialised = {tensor.name for tensor in model.graph.initializer}
    changed = False
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in initialised or len(dims) != 4:
            continue
        first = 1 if metadata.input.has_channels_last else 2
        for dim, length in zip(dims[first : first + 2], size, strict=True):
            if dim.dim_value < 1:
                dim.dim_value = length
                changed = True
    return changed


def _leave_out_other_outputs(model: onnx.ModelProto, metadata: ModelMetadata) -> bool:
    """Keep the outputs that are read; return whether there were others, as of auxiliary heads."""
    outputs = model.graph.output
    wanted = wanted_outputs([value.name for value in outputs], metadata)
    others = [value for value in outputs if value.name not in wanted]
    for value in others:
        outputs.remove(value)
    return bool(others)


def _cast_through_float(model: onnx.ModelProto) -> bool:
    """Make bytes of integers, and integers of bytes, through FP32; return whether any were."""
    from onnx import helper, TensorProto
    from rtformer_ros.deploy.onnx_file import element_types
    from rtformer_ros.deploy.operators.tables import BYTE_PARTNERS

    types, graph, changed = element_types(model), model.graph, False
    for node in [each for each in graph.node if each.op_type == 'Cast']:
        wanted = next((each.i for each in node.attribute if each.name == 'to'), 0)
        kinds = {types.get(node.input[0], 0), wanted}
        if kinds - {TensorProto.UINT8, 0, *BYTE_PARTNERS} and TensorProto.UINT8 in kinds:
            between = f'{node.output[0]}_as_float'
            first = helper.make_node('Cast', [node.input[0]], [between], to=TensorProto.FLOAT)
            graph.node.insert(list(graph.node).index(node), first)
            node.input[0] = between
            changed = True
    return changed
