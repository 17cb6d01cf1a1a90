# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model in half precision says what it said in single precision, and why it can be trusted."""

from foreign_onnx import expected_logits, ForeignModel
from half_rounding import FLOAT, HALF, rounded, types_of, with_outputs
import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import onnxruntime
import pytest
from rtformer_ros.deploy.graph_precision import precision_of, to_fp16, to_fp32
from rtformer_ros.errors import ModelError
from street_images import camvid, ROOT, samples

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
SIZE = (360, 480)
HALF_MAX = 65504


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])


def run(model, images, names=('class_map', 'confidence')):
    opened = session(model)
    return [opened.run(list(names), {'image': image[np.newaxis]}) for image in images]


@pytest.fixture(scope='module')
def half():
    return to_fp16(SHIPPED)


@pytest.fixture(scope='module')
def images():
    return samples(SIZE) + [image for image, _ in camvid('val', SIZE, 5)]


@pytest.fixture(scope='module')
def expected(images):
    return run(onnx.load(SHIPPED), images)


@pytest.mark.parametrize('rounds', [False, True], ids=['as onnxruntime runs it', 'rounded'])
def test_class_maps_agree_with_fp32_on_real_images(half, images, expected, rounds):
    model = rounded(half)[0] if rounds else half
    for (ids, confidence), (expected_ids, expected_confidence) in zip(
        run(model, images), expected, strict=True
    ):
        assert ids.dtype == confidence.dtype == np.uint8
        assert (ids == expected_ids).mean() >= 0.995
        assert np.abs(confidence.astype(int) - expected_confidence).max() <= 2


def test_half_precision_holds_every_tensor(half, images):
    """Nothing comes near to overflow, and only weights of attention are small enough to vanish."""
    model, names = rounded(half)
    exact = [f'{name}/exact' for name in names]
    values = run(with_outputs(model, exact, FLOAT), images[1:3], exact)
    vanished = set()
    for name, tensors in zip(names, zip(*values, strict=True), strict=True):
        tensor = np.concatenate([array.ravel() for array in tensors])
        assert np.abs(tensor).max() < HALF_MAX / 100, name
        if ((tensor != 0) & (tensor.astype(np.float16) == 0)).mean() > 0.001:
            vanished.add(name)
    assert vanished == {f'/layer{n}/attn_l/Div_output_0_fp16' for n in (4, 5)}


def test_what_half_precision_cannot_hold_stays_single(half):
    types = types_of(half)
    single = {
        node.name
        for node in half.graph.node
        if node.op_type != 'Cast' and types[node.output[0]] == FLOAT
    }
    attention = {
        f'/layer{n}/attn_l/{name}'
        for n in (4, 5)
        for name in ('Softmax', 'ReduceSum', 'Add', 'Div')
    }
    confidence = {f'/{name}' for name in ('Exp', 'ReduceSum', 'Reciprocal', 'Mul', 'Round')}
    pooling = {'/spp/scale4/scale4.0/GlobalAveragePool'}
    assert single == attention | confidence | pooling


def attention_graph(pixels):
    """Softmax over space, then each pixel divided by the sum over the channels of its head."""
    nodes = [
        helper.make_node('Softmax', ['x'], ['over_space'], 'softmax', axis=3),
        helper.make_node('ReduceSum', ['over_space', 'two'], ['sum'], 'sum', keepdims=1),
        helper.make_node('Add', ['sum', 'epsilon'], ['divisor'], 'add'),
        helper.make_node('Div', ['over_space', 'divisor'], ['weights'], 'div'),
        helper.make_node('Relu', ['weights'], ['y'], 'relu'),
    ]
    shape = [1, 8, 16, pixels]
    constants = {'two': np.array([2]), 'epsilon': np.array(1e-6, np.float32)}
    graph = helper.make_graph(
        nodes,
        'attention',
        [helper.make_tensor_value_info('x', FLOAT, shape)],
        [helper.make_tensor_value_info('y', FLOAT, shape)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def attention(x, dtype):
    """The same by its definition, each step rounded to dtype."""
    x = x.astype(dtype)
    powers = np.exp((x - x.max(axis=3, keepdims=True)).astype(np.float64))
    over_space = (powers / powers.sum(axis=3, keepdims=True)).astype(dtype)
    divisor = over_space.sum(axis=2, keepdims=True, dtype=dtype) + dtype(1e-6)
    return (over_space / divisor).astype(np.float64)


def test_attention_over_space_survives_logits_that_spread():
    x = np.random.default_rng(0).normal(0, 5, (1, 8, 16, 2048)).astype(np.float16)
    x = x.astype(np.float32)
    exact = attention(x, np.float64)
    matters = exact > 0.01
    naive_error = np.abs(attention(x, np.float16) - exact)[matters] / exact[matters]
    assert (naive_error > 0.1).mean() > 0.03
    model, _ = rounded(to_fp16(attention_graph(2048)))
    [ours] = session(model).run(None, {'x': x})
    assert (np.abs(ours - exact)[matters] / exact[matters]).max() < 0.001


def test_the_graph_keeps_its_edges_and_its_notes(half):
    original = onnx.load(SHIPPED)
    assert half.graph.input == original.graph.input
    assert half.graph.output == original.graph.output
    assert half.metadata_props == original.metadata_props
    assert half.opset_import == original.opset_import
    [first] = [node for node in half.graph.node if 'image' in node.input]
    assert (first.op_type, first.attribute[0].i) == ('Cast', HALF)
    onnx.checker.check_model(half, full_check=True)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in half.graph.initializer}
    assert not [n.name for n in half.graph.node if n.op_type == 'Cast' and n.input[0] in weights]
    assert {a.size for a in weights.values() if a.dtype == np.float32} == {1}
    assert half.ByteSize() < 0.51 * original.ByteSize()
    images = np.stack(samples(SIZE)[:2])
    together = session(half).run(None, {'image': images})
    for index, alone in enumerate(run(half, images)):
        assert (together[0][index] == alone[0][0]).mean() > 0.9999


def test_the_same_model_gives_the_same_bytes(half):
    again = to_fp16(onnx.load(SHIPPED))
    contents = [model.SerializeToString(deterministic=True) for model in (half, again)]
    assert contents[0] == contents[1]


def test_precision_is_read_off_the_graph(half):
    assert precision_of(onnx.load(SHIPPED)) == 'fp32'
    assert precision_of(half) == 'fp16'
    assert precision_of(to_fp32(half)) == 'fp32'


def test_nodes_may_be_kept_by_name():
    name = '/seghead/conv2/Conv'
    model = to_fp16(SHIPPED, keep_fp32=[name])
    [node] = [node for node in model.graph.node if node.name == name]
    assert types_of(model)[node.output[0]] == FLOAT
    assert precision_of(model) == 'fp16'


@pytest.mark.parametrize('output', ['logits', 'class_index'])
def test_other_peoples_models_keep_their_float_edges(tmp_path, output):
    path = ForeignModel(output=output, shape=('n', 3, 6, 8)).write(tmp_path / 'm.onnx', None)
    model = to_fp16(path)
    assert model.graph.input == onnx.load(path).graph.input
    images = np.random.default_rng(1).integers(0, 256, (2, 6, 8, 3), np.uint8)
    tensor = np.ascontiguousarray((images / 255).astype(np.float32).transpose(0, 3, 1, 2))
    [came] = session(model).run(None, {'image': tensor})
    logits = expected_logits(images)
    if output == 'logits':
        assert came.dtype == np.float32
        np.testing.assert_allclose(came.transpose(0, 2, 3, 1), logits, atol=2e-3)
    else:
        first, second = np.sort(logits, axis=3)[..., -1], np.sort(logits, axis=3)[..., -2]
        is_clear = first - second > 0.01
        assert is_clear.mean() > 0.8
        assert (came == logits.argmax(axis=3))[is_clear].all()


def test_other_peoples_half_precision_is_widened_edges_and_all(tmp_path):
    """Their outputs may lack a shape, with which ONNX Runtime has no trouble."""
    path = ForeignModel(dtype=np.float16, shape=('n', 3, 6, 8)).write(tmp_path / 'm.onnx', None)
    images = np.random.default_rng(1).integers(0, 256, (2, 6, 8, 3), np.uint8)
    tensor = np.ascontiguousarray((images / 255).astype(np.float32).transpose(0, 3, 1, 2))
    [came] = session(to_fp32(path)).run(None, {'image': tensor})
    assert came.dtype == np.float32
    # Weights of the foreign model are exact in half precision, but for two biases.
    np.testing.assert_allclose(came.transpose(0, 2, 3, 1), expected_logits(images), atol=1e-4)


def test_a_norm_with_a_tiny_variance_is_not_lost():
    rows = [np.full(2, value, np.float32) for value in (0.003, 0.5, 0.0, 1e-9)]
    names = ['weight', 'bias', 'mean', 'variance']
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node('BatchNormalization', ['x', *names], ['y'], 'norm', epsilon=1e-6)],
        'norm',
        [info('x', FLOAT, [1, 2, 1, 1])],
        [info('y', FLOAT, [1, 2, 1, 1])],
        [numpy_helper.from_array(row, name) for row, name in zip(rows, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    x = np.array([1, -2], np.float32).reshape(1, 2, 1, 1)
    [came] = session(rounded(to_fp16(model))[0]).run(None, {'x': x})
    np.testing.assert_allclose(came, 3 * x / np.sqrt(1.001) + 0.5, rtol=2e-3)


def unclear(node):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node, helper.make_node('Relu', ['y'], ['z'])],
        'unclear',
        [info('x', FLOAT, [1]), info('b', TensorProto.BOOL, [])],
        [info('z', FLOAT, [1])],
    )
    opsets = [helper.make_opsetid('', 17), helper.make_opsetid('mine', 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_what_cannot_be_converted_is_refused(tmp_path, half):
    with pytest.raises(ModelError, match='is FP16 already'):
        to_fp16(half)
    with pytest.raises(ModelError, match=r'cannot read .*none\.onnx'):
        to_fp16(tmp_path / 'none.onnx')
    (tmp_path / 'text.onnx').write_text('no model')
    with pytest.raises(ModelError, match=r'text\.onnx is no ONNX model'):
        to_fp16(tmp_path / 'text.onnx')
    with pytest.raises(ModelError, match=r"type that node 'mine' \(Mine\) returns is not known"):
        to_fp16(unclear(helper.make_node('Mine', ['x'], ['y'], 'mine', domain='mine')))
    branch = helper.make_graph(
        [helper.make_node('Relu', ['x'], ['r'])],
        'branch',
        [],
        [helper.make_tensor_value_info('r', FLOAT, [1])],
    )
    inner = helper.make_node('If', ['b'], ['y'], 'if', then_branch=branch, else_branch=branch)
    with pytest.raises(ModelError, match=r"node 'if' \(If\) has a graph of its own inside"):
        to_fp16(unclear(inner))
