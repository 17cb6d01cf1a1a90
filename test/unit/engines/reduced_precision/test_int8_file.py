# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""`precision: int8` opens the INT8 file that was made from the very model that is named."""

import re

import numpy as np
import onnx
import pytest
from rtformer_ros.deploy.onnx_file import read_onnx
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.reduced_precision.int8_file import (
    CPU_ENDING,
    int8_file,
    TENSORRT_ENDING,
)
from rtformer_ros.errors import ConfigError, EngineUnavailable, ModelError
from rtformer_ros.model_metadata import QUANTISED_FROM
from rtformer_ros.tools.build_engine.precision_change import write_in_form
from street_images import ROOT, samples

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
PHOTOS = [ROOT / 'samples' / f'leuven_{x}.jpg' for x in 'ab']


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A model with its INT8 file for CPUs beside it."""
    path = tmp_path_factory.mktemp('models') / 'street.onnx'
    path.write_bytes(SHIPPED.read_bytes())
    write_in_form(path, path.with_name('street_int8_cpu.onnx'), 'int8_cpu', PHOTOS)
    return path


@pytest.mark.parametrize('engine', ['onnxruntime', 'openvino', 'auto'])
def test_the_file_beside_the_model_is_opened(model, engine):
    exact = open_engine(EngineRequest(model, 'onnxruntime', device='cpu'))
    request = EngineRequest(model, engine, device='cpu', precision='int8')
    quantised = open_engine(request)
    assert quantised.description.model == model.with_name('street_int8_cpu.onnx')
    assert quantised.description.labels == exact.description.labels
    for image in samples((360, 480)):
        maps = [each.infer(image[np.newaxis]).class_map_nhw for each in (exact, quantised)]
        assert 0.98 <= (maps[0] == maps[1]).mean() < 1


@pytest.mark.parametrize('precision', ['auto', 'int8'])
def test_the_file_itself_can_be_named(model, precision):
    quantised = model.with_name('street_int8_cpu.onnx')
    request = EngineRequest(quantised, 'onnxruntime', device='cpu', precision=precision)
    assert open_engine(request).description.model == quantised


@pytest.mark.parametrize('engine', ['onnxruntime', 'openvino', 'auto'])
def test_a_file_that_is_missing_is_named_with_the_command_to_type(tmp_path, engine):
    model = tmp_path / 'street.onnx'
    model.write_bytes(SHIPPED.read_bytes())
    command = (
        f'ros2 run rtformer_ros build_engine {model} --onnx-only --precision int8 --for cpu '
        '--calibration FOLDER'
    )
    with pytest.raises((ModelError, EngineUnavailable)) as caught:
        open_engine(EngineRequest(model, engine, device='cpu', precision='int8'))
    assert 'precision is int8, but street_int8_cpu.onnx beside' in str(caught.value)
    assert command in str(caught.value)


def test_each_kind_of_runtime_has_a_file_of_its_own(tmp_path, model):
    assert int8_file(model, CPU_ENDING).name == 'street_int8_cpu.onnx'
    with pytest.raises(ModelError, match=r'street_int8\.onnx beside .* --for tensorrt'):
        int8_file(model, TENSORRT_ENDING)


def test_a_file_made_from_other_weights_is_refused(tmp_path, model):
    other = tmp_path / 'street.onnx'
    other.write_bytes(model.read_bytes() + b'\x52\x00')
    beside = other.with_name('street_int8_cpu.onnx')
    beside.write_bytes(model.with_name(beside.name).read_bytes())
    message = r'was made from another street\.onnx than the present one; make it again: ros2 run'
    with pytest.raises(ModelError, match=message):
        int8_file(other, CPU_ENDING)


def test_a_file_that_does_not_say_what_it_was_made_from_is_taken(tmp_path, model):
    beside = tmp_path / 'street_int8_cpu.onnx'
    quantised = read_onnx(model.with_name(beside.name))
    kept = {each.key: each.value for each in quantised.metadata_props}
    assert re.fullmatch('[0-9a-f]{64}', kept.pop(QUANTISED_FROM))
    onnx.helper.set_model_props(quantised, kept)
    onnx.save(quantised, beside)
    assert int8_file(tmp_path / 'street.onnx', CPU_ENDING) == beside


def test_weights_are_no_int8(tmp_path):
    weights = tmp_path / 'w.safetensors'
    weights.write_bytes(b'')
    with pytest.raises(ConfigError, match='precision is int8, but the engine torch computes in'):
        open_engine(EngineRequest(weights, 'torch', precision='int8'))
