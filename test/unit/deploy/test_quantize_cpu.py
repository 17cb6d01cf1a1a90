# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""INT8 for CPUs: the form that ONNX Runtime fuses, and how little of what it sees it costs."""

import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime
import pytest
from rtformer_ros.deploy.graph_precision import precision_of, to_fp16
from rtformer_ros.deploy.quantize_cpu import quantize_for_cpu
from rtformer_ros.errors import ConfigError, ImageError, ModelError
from street_images import calibration, CAMVID, camvid, ROOT, unreadable

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
SIZE = (360, 480)
SENSITIVE = {
    '/conv1/conv1.0/Conv',
    *(f'/layer{n}/attn_l/Conv{suffix}' for n in (4, 5) for suffix in ('', '_1')),
    '/seghead/conv2/Conv',
}


class Graph:
    """The nodes of a model, who makes a tensor and who reads it, and its constants."""

    def __init__(self, model):
        self.nodes = list(model.graph.node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}

    def of(self, *operators):
        return [node for node in self.nodes if node.op_type in operators]

    def readers(self, name):
        return [node for node in self.nodes if name in node.input]

    def quantiser_of(self, name):
        """What quantised the tensor that this one was dequantised from; None for others."""
        dequantise = self.makers.get(name)
        if dequantise is None or dequantise.op_type != 'DequantizeLinear':
            return None
        return self.makers.get(dequantise.input[0])


def session_of(model, level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL, save_as=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.graph_optimization_level = level
    options.log_severity_level = 3
    if save_as:
        options.optimized_model_filepath = str(save_as)
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])


def class_maps(model, images):
    session = session_of(model)
    return [session.run(['class_map'], {'image': image[np.newaxis]})[0][0] for image in images]


@pytest.fixture(scope='module')
def images():
    return calibration(SIZE)


@pytest.fixture(scope='module')
def model(images):
    return quantize_for_cpu(SHIPPED, images[0])


@pytest.fixture(scope='module')
def graph(model):
    return Graph(model)


def test_class_maps_stay_close_to_those_of_fp32(images, model):
    expected = class_maps(onnx.load(SHIPPED), images[1])
    for came, wanted in zip(class_maps(model, images[1]), expected, strict=True):
        assert came.dtype == np.uint8
        assert (came == wanted).mean() >= 0.98


@pytest.mark.skipif(not CAMVID.is_dir(), reason='CamVid is not beside the clone: not measured')
def test_class_maps_agree_with_those_of_fp32_on_camvid():
    model = quantize_for_cpu(SHIPPED, [image for image, _ in camvid('train', SIZE, 32)])
    judged = [image for image, _ in camvid('val', SIZE, 12)]
    pairs = zip(class_maps(onnx.load(SHIPPED), judged), class_maps(model, judged), strict=True)
    assert np.mean([(before == after).mean() for before, after in pairs]) >= 0.993


def test_all_convolutions_but_sensitive_ones_are_quantised_on_both_sides(graph):
    convolutions = graph.of('Conv')
    assert {node.name for node in convolutions} > SENSITIVE
    for conv in convolutions:
        quantised = graph.quantiser_of(conv.input[0])
        if conv.name in SENSITIVE:
            assert conv.input[1] in graph.constants
            continue
        assert quantised.op_type == 'QuantizeLinear', conv.name
        [reader] = graph.readers(conv.output[0])
        assert reader.op_type == 'QuantizeLinear', conv.name


def test_activations_are_unsigned_and_weights_signed_for_each_channel(graph):
    for quantise in graph.of('QuantizeLinear'):
        scale, zero = (graph.constants[name] for name in quantise.input[1:])
        assert (scale.dtype, zero.dtype) == (np.float32, np.uint8)
        assert scale.ndim == 0
        assert scale > 0
    original = {t.name: numpy_helper.to_array(t) for t in onnx.load(SHIPPED).graph.initializer}
    for conv in graph.of('Conv'):
        if conv.name in SENSITIVE:
            continue
        weights, *bias = (graph.makers[name] for name in conv.input[1:])
        values, scale, zero = (graph.constants[name] for name in weights.input)
        assert values.dtype == np.int8
        assert scale.shape == (len(values),)
        assert not zero.any()
        exact = original[weights.input[0].removesuffix('_quantized')]
        error = np.abs(values * scale[:, None, None, None] - exact)
        assert (error <= scale[:, None, None, None] / 2 * 1.01).all()
        for dequantise in bias:
            assert graph.constants[dequantise.input[0]].dtype == np.int32


@pytest.mark.parametrize('operator', ['Add', 'Concat', 'AveragePool', 'MaxPool', 'Resize'])
def test_other_operators_have_no_quantisers_of_their_own(graph, operator):
    found = graph.of(operator)
    assert found
    quantised = {node.output[0] for node in graph.of('Conv')}
    for node in found:
        for name in node.input:
            quantiser = graph.quantiser_of(name)
            assert quantiser is None or quantiser.input[0] in quantised
        for reader in graph.readers(node.output[0]):
            if reader.op_type == 'QuantizeLinear':
                [dequantise] = graph.readers(reader.output[0])
                assert {each.op_type for each in graph.readers(dequantise.output[0])} == {'Conv'}


def test_activations_behind_convolutions_are_folded_into_them(graph):
    before = Graph(onnx.load(SHIPPED))
    convolutions = {n.name for n in before.of('Conv')} - SENSITIVE
    folded = {
        relu.name
        for relu in before.of('Relu')
        if getattr(before.makers.get(relu.input[0]), 'name', '') in convolutions
    }
    assert folded
    assert folded.isdisjoint(node.name for node in graph.nodes)


def test_onnx_runtime_fuses_every_quantised_convolution(model, graph, tmp_path):
    extended = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session_of(model, extended, tmp_path / 'fused.onnx')
    fused = Graph(onnx.load(tmp_path / 'fused.onnx'))
    count = len(graph.of('Conv')) - len(SENSITIVE)
    assert len(fused.of('QLinearConv')) == count
    assert len(fused.of('Conv', 'FusedConv')) == len(SENSITIVE)


def test_edges_and_notes_stay_and_the_result_is_always_the_same(images, model):
    original = onnx.load(SHIPPED)
    assert precision_of(model) == 'int8'
    assert model.graph.input == original.graph.input
    assert model.graph.output == original.graph.output
    assert list(model.metadata_props) == list(original.metadata_props)
    assert model.producer_name == 'rtformer_ros'
    onnx.checker.check_model(model, full_check=True)
    assert model.ByteSize() < 0.35 * original.ByteSize()
    again = quantize_for_cpu(SHIPPED, images[0])
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )


def test_what_is_named_is_kept(images):
    name = '/layer5/down/down.5/Conv'
    graph = Graph(quantize_for_cpu(SHIPPED, images[0], keep=[name]))
    [kept] = [node for node in graph.nodes if node.name == name]
    assert kept.input[1] in graph.constants
    [reader] = graph.readers(kept.output[0])
    assert reader.op_type == 'Add'


def test_what_cannot_be_quantised_is_refused(images, model):
    with pytest.raises(ConfigError, match='no images to calibrate with'):
        quantize_for_cpu(SHIPPED, [])
    with pytest.raises(ImageError, match=r'cannot read lost\.jpg'):
        quantize_for_cpu(SHIPPED, unreadable())
    with pytest.raises(ModelError, match='is fp16 already; expected an FP32 model'):
        quantize_for_cpu(to_fp16(SHIPPED), images[0])
    with pytest.raises(ModelError, match='is int8 already; expected an FP32 model'):
        quantize_for_cpu(model, images[0])
