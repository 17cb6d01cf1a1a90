# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""INT8 costs little of what a model sees, and its graph has the form that TensorRT takes."""

from foreign_onnx import ForeignModel
import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime
import pytest
from rtformer_ros.deploy.graph_precision import precision_of, to_fp16, to_fp32
from rtformer_ros.deploy.quantize import quantize
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError, ImageError, ModelError
from rtformer_ros.model_metadata import HALF_QUANTISED
from street_images import calibration, CAMVID, camvid, ROOT, unreadable

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
SIZE = (360, 480)
NUM_CLASSES = 11
SENSITIVE = {
    '/conv1/conv1.0/Conv',
    *(f'/layer{n}/attn_l/Conv{suffix}' for n in (4, 5) for suffix in ('', '_1')),
    '/seghead/conv1/Conv',
    '/seghead/conv2/Conv',
}


def class_maps(model, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
    return [session.run(['class_map'], {'image': image[np.newaxis]})[0][0] for image in images]


def mean_iou(class_maps_hw, labels_hw):
    """By the definition: over all pixels of all images, those without a label left out."""
    ious = []
    for index in range(NUM_CLASSES):
        both = either = 0
        for came, wanted in zip(class_maps_hw, labels_hw, strict=True):
            known = wanted < NUM_CLASSES
            both += ((came == index) & (wanted == index))[known].sum()
            either += ((came == index) | (wanted == index))[known].sum()
        ious.append(both / either)
    return np.mean(ious)


@pytest.fixture(scope='module')
def images():
    return calibration(SIZE)


@pytest.fixture(scope='module')
def single(images):
    return quantize(SHIPPED, images[0], rest='fp32')


@pytest.fixture(scope='module')
def half(images):
    return quantize(SHIPPED, images[0])


def test_class_maps_stay_close_to_those_of_fp32(images, single, half):
    expected = class_maps(onnx.load(SHIPPED), images[1])
    for model, least in ((single, 0.95), (to_fp32(half), 0.95)):
        for came, wanted in zip(class_maps(model, images[1]), expected, strict=True):
            assert came.dtype == np.uint8
            assert (came == wanted).mean() >= least


def test_the_engine_gets_half_precision_right_on_a_cpu(images, half, tmp_path):
    """ONNX Runtime's own quantiser of half precision cuts off instead of rounding (until 1.29)."""
    path = tmp_path / 'half.onnx'
    path.write_bytes(half.SerializeToString())
    expected = class_maps(to_fp32(half), images[1])
    engine = open_engine(EngineRequest(path, 'onnxruntime', device='cpu', threads=2))
    try:
        for image, wanted in zip(images[1], expected, strict=True):
            came = engine.infer(image[np.newaxis]).class_map_nhw[0]
            assert (came == wanted).mean() >= 0.999
    finally:
        engine.close()


@pytest.mark.skipif(not CAMVID.is_dir(), reason='CamVid is not beside the clone: mIoU not checked')
def test_mean_iou_loses_less_than_a_point_on_camvid():
    model = quantize(SHIPPED, [image for image, _ in camvid('train', SIZE, 10)], rest='fp32')
    judged = camvid('val', SIZE, 12)
    labels = [label for _, label in judged]
    before, after = (
        mean_iou(class_maps(m, [image for image, _ in judged]), labels)
        for m in (onnx.load(SHIPPED), model)
    )
    assert before > 0.5
    assert after > before - 0.01


@pytest.mark.parametrize('rest', ['fp32', 'fp16'])
def test_quantisers_stand_before_all_convolutions_but_sensitive_ones(single, half, rest):
    graph = (single if rest == 'fp32' else half).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    assert {node.name for node in convolutions} > SENSITIVE
    for conv in convolutions:
        is_quantised = [
            getattr(producers.get(name), 'op_type', '') == 'DequantizeLinear'
            for name in conv.input
        ]
        expected = [conv.name not in SENSITIVE] * 2 + [False]
        assert is_quantised == expected[: len(conv.input)], conv.name
        if not any(is_quantised):
            continue
        for slot, name in enumerate(conv.input[:2]):
            dequantise = producers[name]
            quantise = producers[dequantise.input[0]]
            assert quantise.op_type == 'QuantizeLinear'
            assert quantise.input[1:] == dequantise.input[1:]
            scale, zero = (weights[each] for each in quantise.input[1:])
            assert zero.dtype == np.int8
            assert not zero.any()
            assert (scale > 0).all()
            assert scale.dtype == (np.float32 if rest == 'fp32' else np.float16)
            if slot == 1:
                values = np.abs(weights[quantise.input[0]].astype(np.float64)).max(axis=(1, 2, 3))
                np.testing.assert_allclose(scale, values / 127, rtol=0.01, atol=1e-7)
            else:
                assert scale.ndim == 0


def test_files_keep_their_edges_and_notes(single, half):
    original = onnx.load(SHIPPED)
    for model, opset in ((single, 17), (half, 19)):
        assert precision_of(model) == 'int8'
        assert [entry.version for entry in model.opset_import] == [opset]
        assert model.graph.input == original.graph.input
        assert model.graph.output == original.graph.output
        notes = {entry.key: entry.value for entry in model.metadata_props}
        assert (notes.pop(HALF_QUANTISED, None) is not None) == (model is half)
        assert notes == {entry.key: entry.value for entry in original.metadata_props}
        assert model.producer_name == 'rtformer_ros'
        onnx.checker.check_model(model, full_check=True)
    assert half.ByteSize() < 0.55 * single.ByteSize()


def test_images_of_any_size_are_brought_to_the_models(images):
    small = [image[::4, ::4] for image in images[0]]
    enlarged = quantize(SHIPPED, small, rest='fp32', keep=['/layer5/down/down.5/Conv'])
    assert precision_of(enlarged) == 'int8'
    producers = {name: node.op_type for node in enlarged.graph.node for name in node.output}
    [kept] = [n for n in enlarged.graph.node if n.name == '/layer5/down/down.5/Conv']
    assert producers[kept.input[0]] == 'Relu'


def test_what_cannot_be_quantised_is_refused(tmp_path, images):
    with pytest.raises(ConfigError, match='no images to calibrate with'):
        quantize(SHIPPED, [])
    with pytest.raises(ImageError, match=r'cannot read lost\.jpg'):
        quantize(SHIPPED, unreadable())
    with pytest.raises(ModelError, match='is fp16 already; expected an FP32 model'):
        quantize(to_fp16(SHIPPED), images[0])
    foreign = ForeignModel().write(tmp_path / 'foreign.onnx', None)
    with pytest.raises(ModelError, match='no convolutions to quantise but those that lose too'):
        quantize(foreign, images[0])
