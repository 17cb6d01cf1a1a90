# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make small segmentation models of other people's forms, whose results have a closed form."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import yaml

# Class by the model's own channels: the first, the last, their mean, none of them.
WEIGHTS = np.array([[1, 0, 0], [0, 0, 1], [0.5, 0, 0.5], [-0.5, 1, -0.5]], np.float64)
BIAS = np.array([0, 0, 0.05, 0.1], np.float64)


@dataclass(frozen=True)
class ForeignModel:
    """
    A 1x1 convolution, then what `output` names.

    pool: 2 halves the logits' resolution. classes_last: logits are [N, h, w, classes].
    """

    output: str = 'logits'
    dtype: type = np.float32
    shape: tuple = ('n', 3, 6, 8)
    pool: int = 1
    index_dtype: type = np.int64
    keepdims: int = 0
    classes_last: bool = False

    def write(self, path: Path, sidecar: dict | None) -> Path:
        element = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        nodes = [helper.make_node('Conv', ['image', 'weights', 'bias'], ['logits'])]
        last, kind = 'logits', element
        if self.pool > 1:
            size = [self.pool, self.pool]
            pool = helper.make_node(
                'AveragePool', [last], ['pooled'], kernel_shape=size, strides=size
            )
            nodes, last = [*nodes, pool], 'pooled'
        if self.classes_last:
            order = [0, 2, 3, 1]
            nodes.append(helper.make_node('Transpose', [last], ['last'], perm=order))
            last = 'last'
        if self.output == 'class_index':
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.index_dtype))
            nodes += [
                helper.make_node('ArgMax', [last], ['best'], axis=1, keepdims=self.keepdims),
                helper.make_node('Cast', ['best'], ['index'], to=kind),
            ]
            last = 'index'
        graph = helper.make_graph(
            nodes,
            'foreign',
            [helper.make_tensor_value_info('image', element, self.shape)],
            [helper.make_tensor_value_info(last, kind, None)],
            [
                numpy_helper.from_array(WEIGHTS[..., None, None].astype(self.dtype), 'weights'),
                numpy_helper.from_array(BIAS.astype(self.dtype), 'bias'),
            ],
        )
        opset = [helper.make_opsetid('', 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        if sidecar is not None:
            path.with_suffix('.yaml').write_text(yaml.safe_dump(sidecar))
        return path


def write_raw(path: Path, inputs: list, nodes: list, outputs: list) -> Path:
    """Write a model of any form; inputs and outputs are (name, element type name, shape)."""
    graph = helper.make_graph(
        nodes,
        'raw',
        *(
            [helper.make_tensor_value_info(n, getattr(TensorProto, t), s) for n, t, s in infos]
            for infos in (inputs, outputs)
        ),
    )
    opset = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def expected_logits(images_nhwc, *, order='rgb', scale=1 / 255, mean=(0, 0, 0), std=(1, 1, 1)):
    """Return logits [N, H, W, 4] in float64 by the definition of the model's input format."""
    pixels = images_nhwc.astype(np.float64)[..., :: -1 if order == 'bgr' else 1]
    return (pixels * scale - np.array(mean)) / np.array(std) @ WEIGHTS.T + BIAS


def softmax(logits):
    """Return probabilities over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
