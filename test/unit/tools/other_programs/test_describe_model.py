# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Sidecars are guessed right of the forms that other programs export, and say why."""

from contextlib import closing

import cv2
from foreign_onnx import FORMS, IMAGENET
import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.sidecar import read_sidecar
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.tools.describe_model.__main__ import main
from street_images import ROOT

SIZE = (48, 64)
SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (96, 160, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'picture.png'), pixels)
    return tmp_path / 'picture.png'


def stand_in(
    path, classes, shape=('n', 3, 48, 64), *, first=(), last=(), stride=1, producer='', aux=''
):
    """
    Write a network of one convolution with the inputs and outputs of a known exporter.

    first, last: rows of (operator, constant inputs, attributes) before and behind it.
    """
    nodes, tensors, name = [], [], 'image'

    def add(operator, constants, **attributes):
        nonlocal name
        output = f't{len(nodes)}'
        names = [f'{output}_{index}' for index in range(len(constants))]
        arrays = zip(map(np.asarray, constants), names, strict=True)
        tensors.extend(numpy_helper.from_array(*each) for each in arrays)
        nodes.append(helper.make_node(operator, [name, *names], [output], **attributes))
        name = output

    channels = shape[1] if isinstance(shape[1], int) and shape[1] < 5 else shape[3]
    if shape[3] == channels:
        add('Transpose', [], perm=[0, 3, 1, 2])
    for operator, constants, attributes in first:
        add(operator, constants, **attributes)
    weights = np.random.default_rng(1).normal(0, 9, (classes, channels, 1, 1))
    add('Conv', [weights.astype(np.float32)], strides=[stride, stride])
    logits = name
    for operator, constants, attributes in last:
        add(operator, constants, **attributes)
    outputs = [name]
    if aux:
        nodes.append(helper.make_node('Neg', [logits], [aux]))
        nodes.append(helper.make_node('Identity', [name], ['out']))
        outputs = [aux, 'out']
    kind = TensorProto.FLOAT
    if last and last[-1][0] in ('ArgMax', 'Cast'):
        kind = last[-1][2].get('to', TensorProto.INT64)
    graph = helper.make_graph(
        nodes,
        'stand-in',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(each, kind, None) for each in outputs],
        tensors,
    )
    opset = [helper.make_opsetid('', 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name=producer)
    onnx.save(model, path)
    return path


def written(model, *arguments):
    assert main([str(model), '--write', *map(str, arguments)]) == 0
    return read_sidecar(model.with_suffix('.yaml'))


@pytest.mark.parametrize('form', FORMS, ids=lambda each: each.name)
def test_every_form_is_recognised(tmp_path, form):
    form = form.deep(SIZE)
    model = form.write(tmp_path / 'm.onnx')
    right = read_sidecar(model.with_suffix('.yaml'))
    came = written(model, '--force')
    for word in ('output', 'output_layout', 'output_name'):
        assert getattr(came, word) == getattr(right, word)
    assert came.input.layout == right.input.layout
    assert came.input.channels == right.input.channels
    assert len(came.labels) == (2 if len(form.model.classes) == 1 else 4)
    with closing(open_engine(EngineRequest(model, 'onnxruntime', device='cpu'))) as engine:
        images = np.random.default_rng(5).integers(0, 256, (2, *SIZE, 3), np.uint8)
        batch = engine.infer(images)
    if came.input == right.input:
        assert (batch.class_map_nhw == form.expected(images)[0]).mean() > 0.99


def test_torchvision(tmp_path):
    """Names 'out' and 'aux', any size, 21 classes."""
    shape = ('batch', 3, 'height', 'width')
    model = stand_in(tmp_path / 'm.onnx', 21, shape, producer='pytorch', aux='aux')
    came = written(model, '--size', '48x64')
    assert (came.output, came.output_name, came.labels.name) == ('logits', 'out', 'voc')
    assert (came.height, came.width) == SIZE
    assert list(came.input.mean) == IMAGENET['mean']


def test_segmentation_models_pytorch(tmp_path, capsys):
    """One channel behind a sigmoid; without it there is no output that says it."""
    model = stand_in(tmp_path / 'm.onnx', 1, (1, 3, 48, 64), last=[('Sigmoid', [], {})])
    assert written(model).output == 'sigmoid'
    bare = stand_in(tmp_path / 'bare.onnx', 1, (1, 3, 48, 64))
    assert main([str(bare), '--write']) == 1
    assert 'export the model with a Sigmoid at its end' in capsys.readouterr().err
    assert not bare.with_suffix('.yaml').exists()


def test_segformer(tmp_path, capsys):
    """Logits at a quarter."""
    came = written(stand_in(tmp_path / 'm.onnx', 150, (1, 3, 48, 64), stride=4))
    assert (came.output, came.output_layout, came.labels.name) == ('logits', 'nchw', 'ade20k')
    assert 'the output is 16x12 for a picture of 64x48' in capsys.readouterr().out


def test_paddleseg(tmp_path):
    """ArgMax in the file, as int32, and the scale of its recipes."""
    last = [('ArgMax', [], {'axis': 1, 'keepdims': 0}), ('Cast', [], {'to': TensorProto.INT32})]
    model = stand_in(tmp_path / 'm.onnx', 19, (1, 3, 48, 64), last=last, producer='PaddlePaddle')
    came = written(model)
    assert (came.output, came.labels.name) == ('class_index', 'cityscapes')
    assert (came.input.mean, came.input.std) == ((0.5,) * 3, (0.5,) * 3)


def test_two_maps_of_bytes_without_a_word_on_their_classes(tmp_path):
    """As our own export returns them."""
    model = onnx.load(SHIPPED)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / 'm.onnx')
    came = written(tmp_path / 'm.onnx')
    assert came.output == 'class_map_confidence'
    # It shows no more than the ids that were seen.
    assert 2 <= len(came.labels) <= 11


@pytest.mark.parametrize('operator', ['Softmax', 'ArgMax'])
def test_tao(tmp_path, operator):
    """Probabilities or ids with the channels last."""
    attributes = {'axis': 3, 'keepdims': 1} if operator == 'ArgMax' else {'axis': 3}
    last = [('Transpose', [], {'perm': [0, 2, 3, 1]}), (operator, [], attributes)]
    came = written(stand_in(tmp_path / 'm.onnx', 19, last=last))
    kind = {'Softmax': 'probabilities', 'ArgMax': 'class_index'}[operator]
    assert (came.output, came.output_layout, len(came.labels)) == (kind, 'nhwc', 19)


FLOATS = np.float32
PLANES = (1, 3, 1, 1)


@pytest.mark.parametrize(
    ('first', 'scale', 'order'),
    [
        ([('Sub', [FLOATS(127.5)], {}), ('Div', [FLOATS(127.5)], {})], 1, 'rgb'),
        ([('Mul', [FLOATS(1 / 255)], {})], 1, 'rgb'),
        (
            [('Sub', [np.array([103.939, 116.779, 123.68], FLOATS).reshape(PLANES)], {})],
            1,
            'bgr',
        ),
        ([('Sub', [np.array(IMAGENET['mean'], FLOATS).reshape(PLANES)], {})], 1 / 255, 'rgb'),
        (
            [
                (
                    'BatchNormalization',
                    [np.full(3, value, FLOATS) for value in (1, 0, 120, 3600)],
                    {},
                )
            ],
            1,
            'rgb',
        ),
    ],
    ids=['keras', 'unit', 'caffe', 'imagenet', 'norm'],
)
@pytest.mark.parametrize('shape', [('n', 3, 48, 64), ('n', 48, 64, 3)])
def test_what_the_graph_does_itself_is_left_to_it(tmp_path, first, scale, order, shape):
    came = written(stand_in(tmp_path / 'm.onnx', 5, shape, first=first)).input
    assert (came.scale, came.channel_order) == (scale, order)
    assert (came.mean, came.std) == ((0, 0, 0), (1, 1, 1))


def test_values_tell_probabilities_without_their_operator(tmp_path):
    """As where they are multiplied by something at the end."""
    soft = [('Softmax', [], {'axis': 1}), ('Mul', [FLOATS(1)], {})]
    assert written(stand_in(tmp_path / 'm.onnx', 7, last=soft)).output == 'probabilities'
    several = [('Sigmoid', [], {}), ('Mul', [FLOATS(1)], {})]
    assert written(stand_in(tmp_path / 's.onnx', 7, last=several)).output == 'sigmoid'


def test_a_picture_is_run_and_painted(tmp_path, picture, capsys):
    model = stand_in(tmp_path / 'm.onnx', 11, ('n', 3, 'h', 'w'))
    assert main([str(model), str(picture)]) == 0
    said = capsys.readouterr().out
    assert 'run at 160x96' in said
    shares = [float(line.split('%')[0]) for line in said.splitlines() if line[6:8] == '% ']
    assert 90 < sum(shares) < 100.5
    assert cv2.imread(str(tmp_path / 'm_overlay.png')).shape == (96, 160, 3)
    assert not (tmp_path / 'm.yaml').exists()
    # Without a picture nothing is painted; the sidecar is printed as it would be written.
    assert written(model) == ModelMetadata.from_dict(
        {
            'input': IMAGENET | {'layout': 'nchw_float'},
            'output': 'logits',
            'labels': read_sidecar(model.with_suffix('.yaml')).labels.to_dict(),
            'size': '640x480',
        },
        'expected',
    )
    assert model.with_suffix('.yaml').read_text() in capsys.readouterr().out


def test_a_sidecar_is_not_written_over(tmp_path, capsys):
    model = stand_in(tmp_path / 'm.onnx', 11)
    model.with_suffix('.yaml').write_text('mine')
    assert main([str(model), '--write']) == 1
    assert 'm.yaml is there already; leave --write out, or add --force' in capsys.readouterr().err
    assert model.with_suffix('.yaml').read_text() == 'mine'
    assert written(model, '--force').labels.name == 'camvid'


def test_names_from_the_file_break_no_sidecar(tmp_path):
    model = onnx.load(stand_in(tmp_path / 'm.onnx', 11, aux='aux'))
    hostile = "out\n- 'x': {#\u2028"
    model.graph.node[-1].output[0] = model.graph.output[1].name = hostile
    model.producer_name = 'a\nb: c'
    onnx.save(model, tmp_path / 'm.onnx')
    assert written(tmp_path / 'm.onnx').output_name == hostile


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'shape': (1, 4, 48, 64)}, 'four channels'),
        ({'shape': (1, 3, 48, 64), 'last': [('GlobalAveragePool', [], {})]}, 'no segmentation'),
        ({'shape': (1, 3, 1 << 14, 1 << 14)}, 'expected at most 67108864 in all'),
    ],
)
def test_what_no_sidecar_describes_is_refused(tmp_path, capsys, arguments, message):
    model = stand_in(tmp_path / 'm.onnx', 11, **arguments)
    assert main([str(model)]) == 1
    said = capsys.readouterr().err
    assert said.startswith('describe_model: ')
    assert message in said


def test_a_size_that_the_model_is_not_made_for_is_refused(tmp_path, capsys):
    model = stand_in(tmp_path / 'm.onnx', 11)
    assert main([str(model), '--size', '32x32']) == 1
    assert '--size is 32x32, but the model is made for 48x64' in capsys.readouterr().err


@pytest.mark.parametrize('content', [b'', b'text', b'\x08\x07' * 99, None])
def test_files_that_are_no_models_are_refused(tmp_path, capsys, content):
    path = tmp_path / 'm.onnx'
    path.write_bytes(SHIPPED.read_bytes()[:5000] if content is None else content)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err.startswith('describe_model: ')


def test_a_model_that_describes_itself_needs_none(capsys):
    assert main([str(SHIPPED)]) == 1
    assert 'describes itself; it needs no sidecar' in capsys.readouterr().err
