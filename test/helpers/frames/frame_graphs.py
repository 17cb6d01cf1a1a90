# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames of every encoding, a model that shows what it is fed, and sessions for both."""

import cv2
import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import onnxruntime
from rtformer_ros.engines.frames.picture_frame import encoded_picture
from rtformer_ros.imaging.encodings import frame_planes
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import place
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata

BYTES = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, 'nv12': 1, 'nv21': 1}


def message_bytes(encoding, height, width, padding=0, seed=3):
    """Return random bytes of a frame, and the step of its rows."""
    step = width * BYTES.get(encoding, 2) + padding
    rows = height * 3 // 2 if encoding in ('nv12', 'nv21') else height
    return np.random.default_rng(seed).integers(0, 256, rows * step, dtype=np.uint8), step


def yuyv_frame(size, seed=3):
    """Return bytes and planes of a smooth picture: its pairs of pixels differ little."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    data, step = encoded_picture(cv2.GaussianBlur(noise, (9, 9), 0), 'yuyv')
    return data, frame_planes(data, 'yuyv', *size, step)


def seen_model(height, width):
    """Return a model as ours whose class map is the red of its image, and confidence the blue."""
    nodes = [helper.make_node('Cast', ['image'], ['float'], to=TensorProto.FLOAT)]
    for output, channel in (('class_map', 0), ('confidence', 2)):
        nodes += [
            helper.make_node('Gather', ['float', f'index_{channel}'], [output[1:]], axis=3),
            helper.make_node('Cast', [output[1:]], [output], to=TensorProto.UINT8),
        ]
    sizes = {'image': ['n', height, width, 3]}
    inputs, outputs = (
        [
            helper.make_tensor_value_info(
                name, TensorProto.UINT8, sizes.get(name, ['n', height, width])
            )
            for name in names
        ]
        for names in (['image'], ['class_map', 'confidence'])
    )
    indices = [numpy_helper.from_array(np.array(c), f'index_{c}') for c in (0, 2)]
    graph = helper.make_graph(nodes, 'seen', inputs, outputs, indices)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def write_seen_model(path, height=24, width=32):
    """Write seen_model as an exported model: it says what it takes and returns."""
    metadata = ModelMetadata(
        labels=LabelSet.generic(255), height=height, width=width, exporter='test'
    )
    model = seen_model(height, width)
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)


def session(model):
    """Return a session on two threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])


def feed(planes, source, network, mask=None, mode='stretch', remap=None, threshold=0.0):
    """Return the inputs of a graph for one frame."""
    tables = frame_sampling(source, place(source, network, mode), mask or source)
    given = {
        'frame': planes[0][np.newaxis],
        'rows': tables.rows.indices,
        'row_weights': tables.rows.weights,
        'columns': tables.columns.indices,
        'column_weights': tables.columns.weights,
        'mask_rows': tables.mask_rows,
        'mask_columns': tables.mask_columns,
        'remap': np.arange(256, dtype=np.float32) if remap is None else remap.astype(np.float32),
        'threshold': np.array([threshold], np.float32),
    }
    if len(planes) > 1:
        given.update(chroma=planes[1][np.newaxis], chroma_rows=tables.rows.indices // 2)
    return given


def planes_of(data, encoding, size, step):
    """Return the planes of a frame."""
    return frame_planes(data, encoding, *size, step)
