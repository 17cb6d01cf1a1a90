# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what is particular to ONNX Runtime: interruption, threads, the properties of a file."""

import logging
import random
import threading
import time

from foreign_onnx import ForeignModel
import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import (
    EngineClosed,
    EngineError,
    EngineUnavailable,
    ModelError,
    RtformerError,
)
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import InputFormat, ModelMetadata

BLACK = np.zeros((1, 4, 4, 3), np.uint8)
WHITE = np.full((1, 4, 4, 3), 255, np.uint8)


def write_endless_model(path):
    """Write a model that runs 2^40 rounds of a loop for each step of the brightest pixel."""
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['go'], ['go_on']),
            helper.make_node('Identity', ['map'], ['next_map']),
        ],
        'body',
        [
            helper.make_tensor_value_info('round', TensorProto.INT64, []),
            helper.make_tensor_value_info('go', TensorProto.BOOL, []),
            helper.make_tensor_value_info('map', TensorProto.INT64, [1, 4, 4]),
        ],
        [
            helper.make_tensor_value_info('go_on', TensorProto.BOOL, []),
            helper.make_tensor_value_info('next_map', TensorProto.INT64, [1, 4, 4]),
        ],
    )
    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.INT64),
            helper.make_node('ReduceMax', ['pixels'], ['brightest'], keepdims=0),
            helper.make_node('Mul', ['brightest', 'many'], ['rounds']),
            helper.make_node('Loop', ['rounds', '', 'start'], ['class_index'], body=body),
        ],
        'endless',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info('class_index', TensorProto.INT64, [1, 4, 4])],
        [
            numpy_helper.from_array(np.array(2**40, np.int64), 'many'),
            numpy_helper.from_array(np.ones((1, 4, 4), np.int64), 'start'),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(LabelSet.generic(2), output='class_index')
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)
    return path


def test_close_cuts_a_run_short_and_a_later_engine_is_unharmed(tmp_path):
    model = write_endless_model(tmp_path / 'endless.onnx')
    engine = open_engine(EngineRequest(model, 'onnxruntime'))
    raised = []

    def run():
        try:
            engine.infer(WHITE)
        except EngineClosed as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive()
    engine.close()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(raised) == 1
    assert isinstance(raised[0].__cause__, EngineError)
    assert (open_engine(EngineRequest(model, 'onnxruntime')).infer(BLACK).class_map_nhw == 1).all()


def test_a_failure_in_the_middle_of_a_run_is_translated(tmp_path):
    # Reshape fails for images whose first pixel is not black.
    nodes = [
        helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.INT64),
        helper.make_node('Slice', ['pixels', 'zeros', 'ones'], ['first']),
        helper.make_node('Reshape', ['first', 'one'], ['flat']),
        helper.make_node('Add', ['sizes', 'flat'], ['shape']),
        helper.make_node('ReduceMax', ['pixels'], ['planes'], axes=[3], keepdims=0),
        helper.make_node('Reshape', ['planes', 'shape'], ['class_index']),
    ]
    constants = {'zeros': [0] * 4, 'ones': [1] * 4, 'one': [1], 'sizes': [1, 4, 4]}
    graph = helper.make_graph(
        nodes,
        'fragile',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info('class_index', TensorProto.INT64, None)],
        [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(LabelSet.generic(2), output='class_index')
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, tmp_path / 'fragile.onnx')

    engine = open_engine(EngineRequest(tmp_path / 'fragile.onnx', 'onnxruntime'))
    with pytest.raises(EngineError, match=r'ONNX Runtime failed on fragile\.onnx: .*Reshape'):
        engine.infer(WHITE)
    # The engine lives on.
    assert (engine.infer(BLACK).class_map_nhw == 0).all()


def test_properties_of_the_file_go_before_a_sidecar(tmp_path):
    path = ForeignModel().write(tmp_path / 'm.onnx', {'input': {}, 'output': 'class_index'})
    model = onnx.load(path)
    metadata = ModelMetadata(
        LabelSet.generic(4, 'own'), input=InputFormat('nchw_float'), output='logits'
    )
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)
    assert open_engine(EngineRequest(path, 'onnxruntime')).description.labels == metadata.labels


def test_broken_properties_are_named(tmp_path):
    path = ForeignModel().write(tmp_path / 'm.onnx', None)
    model = onnx.load(path)
    helper.set_model_props(model, {**ModelMetadata().to_properties(), 'rtformer_ros.input': '['})
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r'm\.onnx: input is no JSON'):
        open_engine(EngineRequest(path, 'onnxruntime'))


def test_properties_that_are_no_text_are_refused(tmp_path):
    path = ForeignModel().write(tmp_path / 'm.onnx', None)
    model = onnx.load(path)
    helper.set_model_props(model, {'author': 'somebody'})
    path.write_bytes(model.SerializeToString().replace(b'somebody', b'some\xffody'))
    with pytest.raises(ModelError, match=r"m\.onnx cannot be loaded as an ONNX model: 'utf-8'"):
        open_engine(EngineRequest(path, 'onnxruntime'))


def test_files_with_random_faults_raise_our_own_errors(tmp_path, capfd):
    sidecar = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
    path = ForeignModel().write(tmp_path / 'm.onnx', sidecar)
    whole = path.read_bytes()
    rng, seen = random.Random(5), set()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8, 40))):
            content[rng.randrange(len(content))] = rng.choice((rng.randrange(256), 255, 0, 127))
        path.write_bytes(content)
        try:
            open_engine(EngineRequest(path, 'onnxruntime', threads=1)).close()
        except RtformerError:
            seen.add('refused')
        else:
            seen.add('opened')
    assert seen == {'refused', 'opened'}
    assert 'EP Error' not in capfd.readouterr().out


def test_description_says_what_runs(tmp_path):
    import onnxruntime

    sidecar = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
    model = ForeignModel().write(tmp_path / 'm.onnx', sidecar)
    detail = open_engine(
        EngineRequest(model, 'onnxruntime', device='cpu', threads=3)
    ).description.detail
    assert (
        detail == f'ONNX Runtime {onnxruntime.__version__}, CPUExecutionProvider, 3 CPU thread(s)'
    )


class TestCudaThatDoesNotLoad:
    """A build with CUDA on a machine without its libraries, which the library says nothing of."""

    @pytest.fixture
    def model(self, tmp_path, monkeypatch):
        providers = ['CUDAExecutionProvider', 'CPUExecutionProvider']
        monkeypatch.setattr('onnxruntime.get_available_providers', lambda: providers)
        sidecar = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
        return ForeignModel().write(tmp_path / 'm.onnx', sidecar)

    @pytest.mark.filterwarnings('ignore:Specified provider')
    def test_is_replaced_by_the_cpu_with_a_warning(self, model, caplog):
        with caplog.at_level(logging.WARNING, logger='rtformer_ros.engines'):
            assert open_engine(EngineRequest(model, 'onnxruntime')).description.device == 'cpu'
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith('running on the CPU: ONNX Runtime')

    @pytest.mark.filterwarnings('ignore:Specified provider')
    def test_is_unavailable_where_it_was_asked_for(self, model):
        with pytest.raises(EngineUnavailable, match=r'device is cuda:1, but .* cannot use CUDA'):
            open_engine(EngineRequest(model, 'onnxruntime', device='cuda:1'))

    @pytest.mark.filterwarnings('ignore:Specified provider')
    def test_is_not_blamed_for_a_broken_file(self, model):
        model.write_bytes(b'nonsense')
        with pytest.raises(ModelError, match='cannot be loaded as an ONNX model'):
            open_engine(EngineRequest(model, 'onnxruntime', device='cuda'))
