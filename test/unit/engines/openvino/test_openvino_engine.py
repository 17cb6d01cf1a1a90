# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on this machine's CPU: right classes, what is kept between starts, errors."""

import logging
import os
from pathlib import Path
import stat
import threading

from foreign_onnx import ForeignModel
import numpy as np
import onnx
from onnx import helper, numpy_helper
import pytest
from rtformer_ros.deploy.quantize import quantize
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.openvino import cache
from rtformer_ros.engines.reduced_precision.cpu_features import computes_bf16, cpu_flags
from rtformer_ros.errors import EngineClosed, EngineError, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import InputFormat, ModelMetadata
from street_images import CAMVID, camvid, ROOT, samples

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
SIZE = (360, 480)
SIDECAR = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
MICROSOFT = 'com.microsoft'
needs_bf16 = pytest.mark.skipif(
    not computes_bf16(cpu_flags()), reason='this CPU has no bf16: OpenVINO in bf16 was not run'
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where engines keep things between starts, of this test alone."""
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'home'))
    return tmp_path / 'home' / 'rtformer_ros' / 'openvino'


@pytest.fixture
def opened():
    """Return a function that opens a model on the CPU; all are closed when the test ends."""
    engines = []

    def open_(model=SHIPPED, engine='openvino', **more):
        engines.append(open_engine(EngineRequest(model, engine, device='cpu', **more)))
        return engines[-1]

    yield open_
    for engine in engines:
        engine.close()


def agreement(first, second, images):
    pairs = ([engine.infer(image[np.newaxis]) for engine in (first, second)] for image in images)
    return np.mean([(one.class_map_nhw == other.class_map_nhw).mean() for one, other in pairs])


def test_single_precision_sees_what_onnx_runtime_sees(opened):
    engines = opened(precision='fp32'), opened(engine='onnxruntime')
    assert 'FP32' in engines[0].description.detail
    assert agreement(*engines, samples(SIZE)) >= 0.9999


@needs_bf16
def test_bf16_sees_nearly_the_same(opened):
    engines = opened(), opened(engine='onnxruntime')
    assert 'BF16' in engines[0].description.detail
    assert agreement(*engines, samples(SIZE)) >= 0.99


@needs_bf16
@pytest.mark.skipif(not CAMVID.is_dir(), reason='CamVid is not beside the clone: not measured')
def test_bf16_agrees_on_999_of_1000_pixels_of_camvid(opened):
    images = [image for image, _ in camvid('val', SIZE, 20)]
    assert agreement(opened(), opened(engine='onnxruntime'), images) >= 0.999


@needs_bf16
def test_auto_takes_it_and_says_in_what_it_computes(opened, caplog):
    with caplog.at_level(logging.INFO, logger='rtformer_ros.engines'):
        description = opened(engine='auto').description
    assert (description.engine, description.device) == ('openvino', 'cpu')
    assert 'BF16' in caplog.messages[0]


@needs_bf16
def test_auto_leaves_a_model_with_an_operator_that_it_lacks_to_onnx_runtime(opened, tmp_path):
    model = ForeignModel().write(tmp_path / 'm.onnx', SIDECAR)
    graph = onnx.load(model)
    output = graph.graph.node[-1].output[0]
    graph.graph.node[-1].output[0] = 'inner'
    # Doubles its input; known to ONNX Runtime alone.
    graph.graph.node.append(helper.make_node('SampleOp', ['inner'], [output], domain=MICROSOFT))
    graph.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    onnx.save(graph, model)
    with pytest.raises(ModelError, match='SampleOp'):
        opened(model)
    described = opened(model, engine='auto').description
    assert described.engine == 'onnxruntime'
    assert 'openvino cannot read it: ' in described.passed_over


def write_close_race(path):
    """Write a model whose two classes differ by less than bf16 can tell apart."""
    weights = np.array([[1, 1, 1], [1.001, 1.001, 1.001]], np.float32)[..., None, None]
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'weights'], ['logits'])],
        'close_race',
        [helper.make_tensor_value_info('image', onnx.TensorProto.FLOAT, ['n', 3, 48, 64])],
        [helper.make_tensor_value_info('logits', onnx.TensorProto.FLOAT, ['n', 2, 48, 64])],
        [numpy_helper.from_array(weights, 'weights')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(LabelSet.generic(2), input=InputFormat('nchw_float'), output='logits')
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)
    return path


@needs_bf16
def test_bf16_that_changes_too_much_is_taken_only_where_it_is_asked_for(tmp_path, opened, caplog):
    model = write_close_race(tmp_path / 'race.onnx')
    white = np.full((1, 48, 64, 3), 255, np.uint8)
    by_auto = opened(model, 'auto')
    assert by_auto.description.engine == 'onnxruntime'
    assert 'in bf16 it sees the classes that ONNX Runtime sees of race.onnx on' in (
        by_auto.description.passed_over
    )
    with caplog.at_level(logging.WARNING, logger='rtformer_ros.engines'):
        by_name = opened(model)
    assert 'FP32' in by_name.description.detail
    assert 'openvino computes in FP32' in caplog.text
    assert 'on 100.00% of the pixels: in bf16' in caplog.text
    assert (by_name.infer(white).class_map_nhw == 1).all()
    assert 'BF16' in opened(model, precision='bf16').description.detail


def test_what_was_compiled_is_kept_in_a_private_folder(home, opened):
    image = samples(SIZE)[0][np.newaxis]
    expected = opened(precision='fp32').infer(image).class_map_nhw
    [blob] = home.glob('*.blob')
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    written = blob.stat()
    again = opened(precision='fp32')
    assert (again.infer(image).class_map_nhw == expected).all()
    assert list(home.glob('*.blob')) == [blob]
    assert blob.stat().st_mtime_ns == written.st_mtime_ns


@pytest.mark.parametrize('damage', [lambda old: old[: len(old) // 2], lambda old: b''])
def test_what_was_kept_and_is_broken_is_made_again(home, opened, damage):
    image = samples(SIZE)[0][np.newaxis]
    expected = opened(precision='fp32').infer(image).class_map_nhw
    [blob] = home.glob('*.blob')
    content = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(damage(content))
    assert (opened(precision='fp32').infer(image).class_map_nhw == expected).all()


def test_a_folder_that_cannot_be_trusted_is_not_used(home, opened, caplog):
    home.parent.mkdir(parents=True)
    home.write_text('a file in the way')
    with caplog.at_level(logging.INFO, logger='rtformer_ros.engines'):
        assert opened(precision='fp32').description.engine == 'openvino'
    assert 'compiled models are not kept in' in caplog.text
    assert 'set ROS_HOME' in caplog.text


def test_the_oldest_models_make_room_and_neither_lock_nor_records_go(home, monkeypatch):
    monkeypatch.setattr(cache, '_MOST_BYTES', 250)
    with cache.compiled_models() as folder:
        assert folder == home
    for age_s, name in enumerate(['new.blob', 'older.blob', 'oldest.blob']):
        (home / name).write_bytes(bytes(100))
        os.utime(home / name, (1e9 - age_s, 1e9 - age_s))
    (home / 'old.agreement').write_text('1.0')
    for name in ('lock', 'old.agreement'):
        os.utime(home / name, (1e8, 1e8))
    left = {'lock', 'new.blob', 'old.agreement', 'older.blob'}
    with cache.compiled_models():
        assert {path.name for path in home.iterdir()} == left


@needs_bf16
def test_the_agreement_of_bf16_is_measured_once(home, opened):
    opened()
    [note] = home.glob('*.agreement')
    assert 0.99 <= float(note.read_text()) <= 1
    note.write_text('0.5')
    assert 'FP32' in opened().description.detail


@needs_bf16
def test_int8_in_the_form_of_tensorrt_is_left_to_onnx_runtime(tmp_path, opened):
    """OpenVINO sees other classes of it, also where nothing but the file is quantised."""
    model = tmp_path / 'street_int8.onnx'
    model.write_bytes(quantize(SHIPPED, samples(SIZE)[:2]).SerializeToString())
    described = opened(model, 'auto').description
    assert described.engine == 'onnxruntime'
    assert 'in bf16 it sees the classes that ONNX Runtime sees of' in described.passed_over


def test_close_cuts_a_long_run_short(opened):
    engine = opened(precision='fp32', threads=1)
    raised, started = [], threading.Event()

    def run():
        started.set()
        try:
            engine.infer(np.zeros((200, *SIZE, 3), np.uint8))
        except EngineClosed as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(10)
    engine.close()
    thread.join(60)
    assert not thread.is_alive()
    assert len(raised) == 1


def test_a_failure_of_the_library_is_translated(tmp_path, opened):
    """Reshape fails for images whose first pixel is not black."""
    constants = {'zeros': [0] * 4, 'ones': [1] * 4, 'one': [1], 'sizes': [1, 4, 4]}
    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['image'], ['pixels'], to=onnx.TensorProto.INT64),
            helper.make_node('Slice', ['pixels', 'zeros', 'ones'], ['first']),
            helper.make_node('Reshape', ['first', 'one'], ['flat']),
            helper.make_node('Add', ['sizes', 'flat'], ['shape']),
            helper.make_node('ReduceMax', ['pixels'], ['planes'], axes=[3], keepdims=0),
            helper.make_node('Reshape', ['planes', 'shape'], ['class_index']),
        ],
        'fragile',
        [helper.make_tensor_value_info('image', onnx.TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info('class_index', onnx.TensorProto.INT64, None)],
        [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(LabelSet.generic(2), output='class_index')
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, tmp_path / 'fragile.onnx')
    engine = opened(tmp_path / 'fragile.onnx', precision='fp32')
    with pytest.raises(EngineError, match=r'OpenVINO failed on fragile\.onnx: .+'):
        engine.infer(np.full((1, 4, 4, 3), 255, np.uint8))
    # The engine lives on.
    assert (engine.infer(np.zeros((1, 4, 4, 3), np.uint8)).class_map_nhw == 0).all()


def test_no_other_module_of_the_package_imports_the_library():
    sources = (ROOT / 'rtformer_ros').rglob('*.py')
    found = {path.relative_to(ROOT) for path in sources if '\nimport openvino' in path.read_text()}
    assert found == {Path('rtformer_ros/engines/openvino/model.py')}
