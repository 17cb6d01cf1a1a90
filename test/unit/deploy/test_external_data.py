# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model opens no file outside its own folder, wherever in it the file is named."""

import os
import random

from foreign_onnx import ForeignModel
from google.protobuf.message import DecodeError
import numpy as np
import onnx
from onnx import helper, numpy_helper, TensorProto
import onnxruntime
from plan_workbench import TARGET
import pytest
from rtformer_ros.deploy.external_data import external_files
from rtformer_ros.deploy.onnx_file import read_onnx
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.tensorrt.plans.key import key_of
from rtformer_ros.errors import ModelError

SIDECAR = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}
FLOATS = np.arange(4, dtype=np.float32)


def external(location, name='w', **entries):
    tensor = TensorProto(name=name, dims=[4], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {'location': location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def model_of(*nodes, initializers=(), sparse=(), functions=()):
    value = helper.make_tensor_value_info('x', TensorProto.FLOAT, [4])
    graph = helper.make_graph(nodes, 'g', [value], [value], list(initializers))
    graph.sparse_initializer.extend(sparse)
    return helper.make_model(graph, functions=list(functions))


def subgraph(location):
    return helper.make_graph([], 'inner', [], [], [external(location)])


def sparse_of(location):
    indices = numpy_helper.from_array(np.array([1], np.int64))
    return onnx.SparseTensorProto(values=external(location), indices=indices, dims=[4])


def training_model(location):
    model = model_of()
    model.training_info.add().initialization.CopyFrom(subgraph(location))
    return model


PLACES = {
    'initialiser': lambda to: model_of(initializers=[external(to)]),
    'constant': lambda to: model_of(helper.make_node('Constant', [], ['y'], value=external(to))),
    'tensors': lambda to: model_of(helper.make_node('A', [], ['y'], many=[external(to)])),
    'subgraph': lambda to: model_of(
        helper.make_node('If', ['c'], ['y'], then_branch=subgraph(to))
    ),
    'subgraphs': lambda to: model_of(helper.make_node('A', [], ['y'], many=[subgraph(to)])),
    'sparse initialiser': lambda to: model_of(sparse=[sparse_of(to)]),
    'sparse attribute': lambda to: model_of(helper.make_node('A', [], ['y'], one=sparse_of(to))),
    'function': lambda to: model_of(
        functions=[
            helper.make_function(
                'd',
                'f',
                [],
                ['y'],
                [helper.make_node('Constant', [], ['y'], value=external(to))],
                [],
            )
        ]
    ),
    'training': training_model,
}


def locations_of(message):
    """All that a model names, by walking every message that protobuf knows of."""
    found = set()
    if isinstance(message, TensorProto):
        found = {entry.value for entry in message.external_data if entry.key == 'location'}
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for each in value if hasattr(value, 'add') else [value]:
                found |= locations_of(each)
    return found


@pytest.fixture
def never_opened(monkeypatch):
    """Fail as soon as a library is given a model."""

    def fail(*_, **__):
        raise AssertionError('a library has opened it')

    monkeypatch.setattr(onnx, 'load', fail)
    monkeypatch.setattr(onnxruntime, 'InferenceSession', fail)


@pytest.mark.parametrize('place', PLACES)
def test_weights_are_found_wherever_they_are_named(tmp_path, place):
    (tmp_path / 'weights').mkdir()
    (tmp_path / 'weights' / 'w.bin').write_bytes(FLOATS.tobytes())
    model = PLACES[place]('weights/w.bin')
    assert locations_of(model) == {'weights/w.bin'}
    path = tmp_path / 'm.onnx'
    path.write_bytes(model.SerializeToString())
    assert external_files(path) == (tmp_path / 'weights' / 'w.bin',)
    path.write_bytes(PLACES[place]('../w.bin').SerializeToString())
    with pytest.raises(ModelError, match=r"m\.onnx has weights in '\.\./w\.bin', outside"):
        external_files(path)


@pytest.fixture
def odd_places(tmp_path):
    """A folder with a model's name in it, and around it what the model should not reach."""
    folder = tmp_path / 'models'
    folder.mkdir()
    (tmp_path / 'secret').write_bytes(FLOATS.tobytes())
    (folder / 'link').symlink_to(tmp_path / 'secret')
    (folder / 'up').symlink_to(tmp_path)
    (folder / 'loop').symlink_to('loop')
    (folder / 'zero').symlink_to('/dev/zero')
    os.mkfifo(folder / 'pipe')
    (folder / 'folder').mkdir()
    (folder / 'short').write_bytes(b'four')
    (folder / '*' / '_ORT_MEM_ADDR_').mkdir(parents=True)
    (folder / '*' / '_ORT_MEM_ADDR_' / '*').write_bytes(FLOATS.tobytes())
    return folder / 'm.onnx'


@pytest.mark.parametrize(
    ('location', 'reason'),
    [
        ('/etc/passwd', 'outside of its own folder'),
        ('../secret', 'outside of its own folder'),
        ('folder/../../secret', 'outside of its own folder'),
        ('link', 'outside of its own folder'),
        ('up/secret', 'outside of its own folder'),
        ('up/models/short', 'bytes of at least 16'),
        ('*/_ORT_MEM_ADDR_/*', 'outside of its own folder'),
        ('missing', 'No such file'),
        ('loop', 'cannot be read'),
        ('zero', 'outside of its own folder'),
        ('pipe', 'it is a pipe, not a regular file'),
        ('folder', 'it is a directory, not a regular file'),
        ('', 'outside of its own folder'),
        ('.', 'outside of its own folder'),
        ('null\0', 'no such name'),
        ('short', 'which has 4 bytes of at least 16'),
        ('m.onnx\n' * 3, 'No such file'),
    ],
)
def test_what_may_not_be_opened_is_opened_by_nobody(odd_places, never_opened, location, reason):
    model = PLACES['initialiser'](location)
    model.graph.initializer[0].external_data.add(key='length', value='16')
    odd_places.write_bytes(model.SerializeToString())
    openers = [
        lambda: open_engine(EngineRequest(odd_places, 'onnxruntime')),
        lambda: read_onnx(odd_places),
        lambda: key_of(EngineRequest(odd_places), TARGET),
    ]
    for opener in openers:
        with pytest.raises(ModelError, match=reason) as caught:
            opener()
        assert str(caught.value).isprintable()


def test_weights_beside_the_model_are_used(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (1, 6, 8, 3), np.uint8)
    path = ForeignModel().write(tmp_path / 'm.onnx', SIDECAR)
    expected = open_engine(EngineRequest(path)).infer(images)
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location='m.data', size_threshold=0,
        convert_attribute=True,
    )  # fmt: skip
    assert external_files(path) == (tmp_path / 'm.data',)
    # As colcon build --symlink-install leaves it.
    installed = tmp_path / 'install' / 'm.onnx'
    installed.parent.mkdir()
    for name in ('m.onnx', 'm.data', 'm.yaml'):
        (installed.parent / name).symlink_to(tmp_path / name)
    for model in (path, installed):
        came = open_engine(EngineRequest(model)).infer(images)
        np.testing.assert_array_equal(came.class_map_nhw, expected.class_map_nhw)
    assert read_onnx(path).graph.node


@pytest.mark.parametrize('seed', range(5))
def test_no_damage_hides_a_file_that_protobuf_finds(tmp_path, seed):
    generator = random.Random(seed)
    path = tmp_path / 'm.onnx'
    for place in PLACES:
        whole = PLACES[place]('../w.bin').SerializeToString()
        for _ in range(60):
            content = bytearray(whole)
            for _ in range(generator.randint(1, 3)):
                content[generator.randrange(len(content))] = generator.randrange(256)
            path.write_bytes(content)
            model = onnx.ModelProto()
            try:
                model.ParseFromString(bytes(content))
                found = locations_of(model)
            except DecodeError:
                found = set()
            if found:
                with pytest.raises(ModelError):
                    external_files(path)


def test_endless_records_are_refused(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'\x08\x01' * 1_000_001)
    with pytest.raises(ModelError, match='more than 1000000 records'):
        external_files(path)
    path.write_bytes(b'')
    assert external_files(path) == ()
