# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read ONNX files; every exception of that library is translated here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
import onnx.reference
from onnx.shape_inference import InferenceError
from rtformer_ros.deploy.external_data import external_files
from rtformer_ros.errors import ModelError

# The first version of the format in which weights are no inputs.
_FREE_INITIALISERS = 4
_FOREIGN_ERRORS = (onnx.checker.ValidationError, InferenceError, ValueError, RuntimeError)


def read_onnx(source: Path | str | onnx.ModelProto) -> onnx.ModelProto:
    """
    Return a model of one's own: read from a file, weights beside it included, or copied.

    Raises ModelError for a file that cannot be read as an ONNX model, or names weights elsewhere.
    """
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        return model
    external_files(Path(source))
    try:
        # By its content, not its suffix, of which several stand for text.
        model = onnx.load(str(source), format='protobuf')
    except OSError as error:
        raise ModelError(f'cannot read {source}: {error}') from error
    except Exception as error:
        raise ModelError(f'{source} is no ONNX model: {error}') from error
    if not model.graph.node:
        raise ModelError(f'{source} is no ONNX model: it has no nodes')
    return model


def take_out_constant_inputs(model: onnx.ModelProto) -> None:
    """Leave only what is fed among the inputs, of which files of old list the weights, too."""
    inputs, known = model.graph.input, {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in inputs if value.name not in known]
    if len(fed) < len(inputs):
        del inputs[:]
        inputs.extend(fed)
        model.ir_version = max(model.ir_version, _FREE_INITIALISERS)


def check_onnx(model: onnx.ModelProto, what: str) -> None:
    """Raise ModelError, which begins with `what`, unless a model is valid ONNX."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except _FOREIGN_ERRORS as error:
        raise ModelError(f'{what} is no valid ONNX: {error}') from error


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """
    Return the ONNX element type of every tensor of a model's graph, by its name.

    Raises ModelError where the types contradict each other.
    """
    graph = _inferred(model).graph
    values: list[Any] = [*graph.input, *graph.output, *graph.value_info]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return {**types, **{tensor.name: tensor.data_type for tensor in graph.initializer}}


def tensor_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """
    Return the shape of every tensor of a model's graph whose shape is known, 0 for any length.

    Raises ModelError where the types contradict each other.
    """
    graph = _inferred(model).graph
    values: list[Any] = [*graph.input, *graph.output, *graph.value_info]
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in values
    }


def complete_outputs(model: onnx.ModelProto) -> None:
    """Give the outputs of a model their shapes where the file leaves them out, as it may not."""
    outputs = model.graph.output
    if all(value.type.tensor_type.HasField('shape') for value in outputs):
        return
    for value, known in zip(outputs, _inferred(model).graph.output, strict=True):
        value.CopyFrom(known)


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=False)
    except _FOREIGN_ERRORS as error:
        raise ModelError(f'the types in the graph cannot be worked out: {error}') from error


def with_opset(model: onnx.ModelProto, minimum: int) -> onnx.ModelProto:
    """Return a model in ONNX's operator set `minimum` where it is of an older one."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions.get('', minimum) >= minimum:
        return model
    try:
        newer = onnx.version_converter.convert_version(model, minimum)
    except (RuntimeError, onnx.version_converter.ConvertError) as error:
        raise ModelError(
            f'the model is of opset {versions[""]} and cannot be brought to {minimum}: {error}; '
            f'export it with opset {minimum}'
        ) from error
    newer.ir_version = max(
        newer.ir_version, onnx.helper.find_min_ir_version_for(newer.opset_import)
    )
    return newer


Arrays = dict[str, npt.NDArray[Any]]


def constants_of(graph: onnx.GraphProto) -> Arrays:
    """Return the arrays of initialisers and Constant nodes, also those passed on by Identity."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == 'Identity' and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
        elif node.op_type == 'Constant':
            arrays[node.output[0]] = _value_of(node)
    return arrays


# Of the sums on shapes by which PyTorch writes paddings and reshapes.
_SHAPE_OPERATORS = frozenset(
    {
        'Cast', 'Concat', 'ConstantOfShape', 'Gather', 'Reshape', 'Slice', 'Squeeze', 'Transpose',
        'Unsqueeze',
    }
)  # fmt: skip
_INTEGERS = ('int64', 'int32')


def fold_shapes(model: onnx.ModelProto) -> None:
    """
    Replace by constants the integers in a graph that are computed from constants alone.

    PyTorch writes the amounts of a padding in several steps, of which TensorRT lacks some.
    """
    graph = model.graph
    known, kept = constants_of(graph), []
    for node in graph.node:
        value = _computed(node, known, model) if node.op_type in _SHAPE_OPERATORS else None
        if value is None:
            kept.append(node)
            continue
        known[node.output[0]] = value
        graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    _drop_unread(graph)


def _computed(
    node: onnx.NodeProto, known: Arrays, model: onnx.ModelProto
) -> npt.NDArray[Any] | None:
    """Return the integers that a node makes of constants, None where it does something else."""
    inputs = [name for name in node.input if name]
    if not all(name in known and known[name].dtype.name in _INTEGERS for name in inputs):
        return None
    evaluator = onnx.reference.ReferenceEvaluator(
        node, opsets={entry.domain: entry.version for entry in model.opset_import}
    )
    results: Any = evaluator.run(None, {name: known[name] for name in inputs})
    value = np.asarray(results[0])
    return value if value.dtype.name in _INTEGERS else None


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Take out the constants that nothing reads any more."""
    read = {name for node in graph.node for name in node.input}
    read |= {value.name for value in graph.output}
    nodes = [n for n in graph.node if n.op_type != 'Constant' or n.output[0] in read]
    tensors = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def _value_of(node: onnx.NodeProto) -> npt.NDArray[Any]:
    [attribute] = node.attribute
    value = helper.get_attribute_value(attribute)
    if attribute.name == 'value':
        return np.asarray(numpy_helper.to_array(value))
    dtype = {'value_float': np.float32, 'value_floats': np.float32}.get(attribute.name)
    return np.array(value, dtype or (np.int64 if 'int' in attribute.name else None))
