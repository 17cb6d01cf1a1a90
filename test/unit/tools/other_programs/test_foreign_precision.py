# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Models of other programs in FP16 and INT8: described in the file, and of the same classes."""

from contextlib import closing

import cv2
from foreign_onnx import ForeignModel, FORMS
import numpy as np
import onnx
import pytest
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.sidecar import metadata_of, read_sidecar
from rtformer_ros.errors import ConfigError
from rtformer_ros.model_metadata import has_metadata
from rtformer_ros.tools.build_engine.precision_change import write_in_form

SIZE = (24, 32)


def images(count=2):
    return np.random.default_rng(5).integers(0, 256, (count, *SIZE, 3), np.uint8)


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """Four pictures of noise, of twice the size."""
    folder = tmp_path_factory.mktemp('pictures')
    for index, image_hwc in enumerate(images(4)):
        larger = image_hwc.repeat(2, axis=0).repeat(2, axis=1)
        cv2.imwrite(str(folder / f'{index}.png'), larger[..., ::-1])
    return sorted(folder.iterdir())


def converted(model, form, pictures, size=None):
    """Write another form of a model into a folder where no sidecar lies."""
    folder = model.parent / 'converted'
    folder.mkdir()
    output = folder / f'{model.stem}_{form}.onnx'
    write_in_form(model, output, form, [] if form == 'fp16' else pictures, size)
    return output


def agreement(path, foreign, engine='onnxruntime', **more):
    precision = 'fp32' if engine == 'openvino' else 'auto'
    request = EngineRequest(path, engine, device='cpu', precision=precision, **more)
    with closing(open_engine(request)) as opened:
        return (opened.infer(images()).class_map_nhw == foreign.expected(images())[0]).mean()


@pytest.mark.parametrize('form', ['fp16', 'int8', 'int8_cpu'])
@pytest.mark.parametrize('foreign', FORMS, ids=lambda each: each.name)
def test_every_word_of_a_sidecar_survives(tmp_path, pictures, foreign, form):
    foreign = foreign.deep(SIZE)
    model = foreign.write(tmp_path / 'm.onnx')
    output = converted(model, form, pictures)
    loaded = onnx.load(output)
    properties = {entry.key: entry.value for entry in loaded.metadata_props}
    assert has_metadata(properties)
    assert metadata_of(output, properties) == read_sidecar(model.with_suffix('.yaml'))
    assert precision_of(loaded) == form.removesuffix('_cpu')
    assert agreement(output, foreign) > (0.99 if form == 'fp16' else 0.9)


@pytest.mark.parametrize('form', ['fp16', 'int8_cpu'])
@pytest.mark.parametrize('foreign', FORMS, ids=lambda each: each.name)
def test_every_word_of_a_sidecar_survives_for_openvino(tmp_path, pictures, foreign, form):
    foreign = foreign.deep(SIZE)
    output = converted(foreign.write(tmp_path / 'm.onnx'), form, pictures)
    assert agreement(output, foreign, 'openvino') > (0.99 if form == 'fp16' else 0.9)


@pytest.mark.parametrize('named', [True, False])
def test_a_model_of_any_size_is_calibrated_at_the_one_that_is_named(tmp_path, pictures, named):
    sidecar = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
    described = {**sidecar, 'size': '32x24'} if named else sidecar
    form = ForeignModel(shape=('n', 3, 'h', 'w'), depth=3)
    model = form.write(tmp_path / 'm.onnx', described)
    if not named:
        with pytest.raises(ConfigError, match='takes images of any size, and nothing names one'):
            write_in_form(model, tmp_path / 'refused.onnx', 'int8', pictures)
        assert not (tmp_path / 'refused.onnx').exists()
    output = converted(model, 'int8_cpu', pictures, None if named else SIZE)
    request = EngineRequest(output, network_size=None if named else SIZE, device='cpu')
    with closing(open_engine(request)) as opened:
        assert (opened.description.height, opened.description.width) == SIZE


@pytest.mark.parametrize('form', ['fp16', 'int8_cpu'])
def test_files_of_old_exporters_are_converted_too(tmp_path, pictures, form):
    """Weights among the inputs, nodes without names, an operator set without channel scales."""
    foreign = next(each for each in FORMS if each.name == 'ids-with-channel').deep(SIZE)
    model = onnx.load(foreign.write(tmp_path / 'm.onnx'))
    for tensor in model.graph.initializer:
        info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(info)
    for node in model.graph.node:
        node.name = ''
    model.ir_version, model.opset_import[0].version = 3, 11
    onnx.save(model, tmp_path / 'm.onnx')
    output = converted(tmp_path / 'm.onnx', form, pictures)
    assert agreement(output, foreign) > 0.9
