# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make small segmentation models of other people's forms, whose results have a closed form."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
from rtformer_ros.labels.label_set import LabelSet
import yaml

# Class by the model's own channels: the first, the last, their mean, none of them.
WEIGHTS = np.array([[1, 0, 0], [0, 0, 1], [0.5, 0, 0.5], [-0.5, 1, -0.5]], np.float64)
BIAS = np.array([0, 0, 0.05, 0.1], np.float64)


# The same for the brightness alone: the fourth in the dark, the first elsewhere.
GREY_WEIGHTS = np.array([[1], [0], [-1], [0.5]], np.float64)
# What keeps normalised pixels above zero between the layers of a deep model.
_LIFT = 4


@dataclass(frozen=True)
class ForeignModel:
    """
    A 1x1 convolution, then what `output` names.

    input_last: images are [N, H, W, channels]. channels: 1 for grey. classes: the first of 4.
    pool: 2 halves the logits' resolution. classes_last: logits are [N, h, w, classes]. depth: of
    convolutions that change nothing before. has_auxiliary: first comes another output, 'aux', a
    single number, and the one that counts is 'out'.
    """

    output: str = 'logits'
    dtype: type = np.float32
    shape: tuple = ('n', 3, 6, 8)
    pool: int = 1
    index_dtype: type = np.int64
    keepdims: int = 0
    classes_last: bool = False
    channels: int = 3
    classes: range = range(4)
    depth: int = 0
    has_auxiliary: bool = False

    @property
    def weights(self):
        return (GREY_WEIGHTS if self.channels == 1 else WEIGHTS)[self.classes]

    @property
    def bias(self):
        return BIAS[self.classes]

    @property
    def input_last(self):
        return self.shape[3] == self.channels

    @property
    def float_type(self):
        return np.float32 if self.dtype == np.uint8 else self.dtype

    def write(self, path: Path, sidecar: dict | None) -> Path:
        element = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        nodes, tensors = self._input_layers()
        layers, arrays = self._convolutions(nodes[-1].output[0] if nodes else 'image')
        ends, kind = self._output_layers()
        nodes += [*layers, *ends]
        tensors += [
            numpy_helper.from_array(a.astype(self.float_type), n) for n, a in arrays.items()
        ]
        outputs = [helper.make_tensor_value_info(nodes[-1].output[0], kind, None)]
        if self.has_auxiliary:
            nodes += [
                helper.make_node('Neg', ['logits'], ['against']),
                helper.make_node('ReduceMean', ['against'], ['aux'], keepdims=0),
                helper.make_node('Identity', [outputs[0].name], ['out']),
            ]
            outputs = [
                helper.make_tensor_value_info('aux', element, None),
                helper.make_tensor_value_info('out', kind, None),
            ]
        images = helper.make_tensor_value_info('image', element, self.shape)
        graph = helper.make_graph(nodes, 'foreign', [images], outputs, tensors)
        opset = [helper.make_opsetid('', 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        if sidecar is not None:
            path.with_suffix('.yaml').write_text(yaml.safe_dump(sidecar))
        return path

    def _input_layers(self):
        nodes, last = [], 'image'
        if self.dtype == np.uint8:
            nodes += [
                helper.make_node('Cast', [last], ['floats'], to=TensorProto.FLOAT),
                helper.make_node('Div', ['floats', 'brightest'], ['scaled']),
            ]
            last = 'scaled'
        if self.input_last:
            nodes.append(helper.make_node('Transpose', [last], ['planes'], perm=[0, 3, 1, 2]))
        brightest = numpy_helper.from_array(np.array(255, np.float32), 'brightest')
        return nodes, [brightest] if self.dtype == np.uint8 else []

    def _convolutions(self, last):
        nodes, arrays, lift = [], {}, 0
        for index in range(self.depth):
            names = [f'weights_{index}', f'bias_{index}']
            arrays[names[0]] = np.eye(self.channels)[..., None, None]
            arrays[names[1]] = np.full(self.channels, 0 if lift else _LIFT)
            nodes += [
                helper.make_node('Conv', [last, *names], [f'conv_{index}'], f'conv_{index}'),
                helper.make_node('Relu', [f'conv_{index}'], [f'relu_{index}'], f'relu_{index}'),
            ]
            last, lift = f'relu_{index}', _LIFT
        arrays['weights'] = self.weights[..., None, None]
        arrays['bias'] = self.bias - lift * self.weights.sum(axis=1)
        return [*nodes, helper.make_node('Conv', [last, 'weights', 'bias'], ['logits'])], arrays

    def _output_layers(self):
        """Return the nodes behind the logits and the element type of the last one's output."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        if self.dtype == np.uint8:
            kind = TensorProto.FLOAT
        nodes, last = [helper.make_node('Identity', ['logits'], ['scores'])], 'scores'
        if self.pool > 1:
            size = [self.pool, self.pool]
            nodes.append(
                helper.make_node(
                    'AveragePool', [last], ['pooled'], kernel_shape=size, strides=size
                )
            )
            last = 'pooled'
        if self.output in ('probabilities', 'sigmoid'):
            operator, more = ('Sigmoid', {})
            if self.output == 'probabilities':
                operator, more = ('Softmax', {'axis': 1})
            nodes.append(helper.make_node(operator, [last], ['certain'], **more))
            last = 'certain'
        if self.output == 'class_index':
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.index_dtype))
            nodes += [
                helper.make_node('ArgMax', [last], ['best'], axis=1, keepdims=self.keepdims),
                helper.make_node('Cast', ['best'], ['index'], to=kind),
            ]
            last = 'index'
        if self.classes_last:
            nodes.append(helper.make_node('Transpose', [last], ['last'], perm=[0, 2, 3, 1]))
        return nodes, kind


@dataclass(frozen=True)
class ForeignForm:
    """A model of a form that other people export, and its sidecar; `expected` in closed form."""

    name: str
    model: ForeignModel
    sidecar: dict

    def write(self, path: Path) -> Path:
        return self.model.write(path, self.sidecar)

    def deep(self, size, depth=3):
        """Return the same with layers to quantise, for images of `size`, (height, width)."""
        height, width = size
        shape = tuple({6: height, 8: width}.get(side, side) for side in self.model.shape)
        return replace(self, model=replace(self.model, depth=depth, shape=shape))

    def expected(self, images_nhwc):
        """Return class ids, probabilities and how clear a decision is, all [N, H, W]."""
        form = self.sidecar['input']
        logits = self._logits(images_nhwc, form)
        if self.model.output == 'sigmoid':
            return self._by_threshold(1 / (1 + np.exp(-logits)))
        ordered = np.sort(logits, axis=-1)
        certain = softmax(logits).max(axis=-1)
        if self.model.output == 'class_index':
            certain = np.ones_like(certain)
        return logits.argmax(axis=-1), certain, ordered[..., -1] - ordered[..., -2]

    def _logits(self, images_nhwc, form):
        if self.model.channels == 1:
            grey = images_nhwc.astype(np.float64) @ [0.299, 0.587, 0.114]
            grey = (np.rint(grey) / 255 - form.get('mean', 0)) / form.get('std', 1)
            return grey[..., None] @ self.model.weights.T + self.model.bias
        known = {key: form[key] for key in ('scale', 'mean', 'std') if key in form}
        order = form.get('channel_order', 'rgb')
        return expected_logits(images_nhwc, order=order, **known)[..., self.model.classes]

    @staticmethod
    def _by_threshold(certain):
        if certain.shape[-1] == 1:
            second = certain[..., 0]
            return second >= 0.5, np.maximum(second, 1 - second), np.abs(second - 0.5)
        best, ordered = certain.max(axis=-1), np.sort(certain, axis=-1)
        class_map = np.where(best >= 0.5, certain.argmax(axis=-1), 255)
        clear = np.minimum(np.abs(best - 0.5), ordered[..., -1] - ordered[..., -2])
        return class_map, best, clear


IMAGENET = {'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}


def _form(name, output='logits', layout='nchw_float', input=None, size=(6, 8), **model):
    more = {key: model.pop(key) for key in ('output_layout', 'output_name') if key in model}
    channels = model.get('channels', 3)
    shape = ('n', *size, channels) if layout.startswith('nhwc') else ('n', channels, *size)
    if layout.endswith('uint8'):
        model['dtype'] = np.uint8
    described = {'input': {'layout': layout, **(input or {})}, 'output': output, **more}
    if output == 'class_index':
        described['labels'] = LabelSet.generic(4).to_dict()
    return ForeignForm(name, ForeignModel(output, shape=shape, **model), described)


FORMS = [
    _form('keras', 'probabilities', 'nhwc_float', classes_last=True, output_layout='nhwc'),
    _form('keras-bgr', 'logits', 'nhwc_float', {'channel_order': 'bgr', **IMAGENET}),
    _form('binary', 'sigmoid', input=IMAGENET, classes=range(3, 4)),
    _form('binary-last', 'sigmoid', 'nhwc_float', classes=range(3, 4), classes_last=True,
          output_layout='nhwc'),
    _form('several-labels', 'sigmoid', input=IMAGENET),
    _form('probabilities', 'probabilities', input=IMAGENET),
    _form('logits-last', 'logits', classes_last=True, output_layout='nhwc'),
    _form('ids-with-channel', 'class_index', input=IMAGENET, keepdims=1),
    _form('ids-with-channel-last', 'class_index', 'nhwc_float', keepdims=1, classes_last=True,
          output_layout='nhwc', index_dtype=np.int32),
    _form('float-ids', 'class_index', input=IMAGENET, index_dtype=np.float32),
    _form('second-output', input=IMAGENET, has_auxiliary=True, output_name='out'),
    _form('second-output-ids', 'class_index', has_auxiliary=True, output_name='out'),
    _form('bytes-in-planes', 'logits', 'nchw_uint8', {'channel_order': 'bgr'}),
    _form('bytes-last', 'class_index', 'nhwc_uint8'),
    _form('grey', input={'channel_order': 'grey', 'mean': 0.449, 'std': 0.226}, channels=1),
    _form('grey-bytes', 'sigmoid', 'nhwc_uint8', {'channel_order': 'grey'}, channels=1),
]  # fmt: skip
"""One for each word of a sidecar that other people's models need."""


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
