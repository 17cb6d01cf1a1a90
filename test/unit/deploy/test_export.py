# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An exported file computes what the network does, and says what it is."""

from collections import Counter
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import oracle
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.errors import CheckpointError, ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.network import (
    build_from_checkpoint,
    build_rtformer,
    Checkpoint,
    ImageSegmenter,
    save_checkpoint,
)
from rtformer_ros.tools.random_checkpoint import random_checkpoint
import torch

ROOT = Path(__file__).parents[3]
PHOTOS = [ROOT / 'samples' / name for name in ('leuven_a.jpg', 'leuven_b.jpg')]
CAMVID = ROOT / 'config' / 'labels' / 'camvid.yaml'
TINY_SIZE = (64, 96)


def photo(path, size=None):
    image = cv2.imread(str(path))[..., ::-1]
    return np.ascontiguousarray(image if size is None else cv2.resize(image, size[::-1]))


def photos(count, size):
    """`count` different real images [n, h, w, 3]."""
    first, second = (photo(path, size) for path in PHOTOS)
    return np.stack([first, second, first[:, ::-1]])[:count]


def run_onnx(path, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    return session.run(['class_map', 'confidence'], {'image': images})


def run_torch(path, images):
    with torch.inference_mode():
        return [
            t.numpy() for t in ImageSegmenter(build_from_checkpoint(path))(torch.tensor(images))
        ]


def assert_agreement(came, expected):
    for array in came:
        assert array.dtype == np.uint8
        assert array.shape == expected[0].shape
    same = came[0] == expected[0]
    assert same.mean() >= 0.9999
    assert np.abs(came[1].astype(int) - expected[1])[same].max() <= 1


@pytest.fixture(scope='module')
def slim(tmp_path_factory):
    """A checkpoint of the published slim width, untrained but with every class at work."""
    path = tmp_path_factory.mktemp('slim') / 'slim.safetensors'
    save_checkpoint(random_checkpoint('slim', load_labels(CAMVID), photo(PHOTOS[0])), path)
    return path


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A narrow network's checkpoint, which says nothing about its classes."""
    path = tmp_path_factory.mktemp('tiny') / 'tiny.safetensors'
    torch.manual_seed(4)
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    torch.nn.init.normal_(network.seghead.conv2.weight, std=0.3)
    save_checkpoint(Checkpoint.of(network), path)
    return path


@pytest.fixture(scope='module')
def exported_tiny(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp('exported') / 'tiny.onnx'
    export_onnx(tiny, path, *TINY_SIZE)
    return path


@pytest.mark.parametrize('size', [(192, 256), (361, 483), (512, 1024)])
def test_onnx_runtime_and_torch_agree_on_real_images(tmp_path, slim, size):
    export_onnx(slim, tmp_path / 'slim.onnx', *size)
    images = photos(1, size)
    expected = run_torch(slim, images)
    assert len(np.unique(expected[0])) >= 5
    assert_agreement(run_onnx(tmp_path / 'slim.onnx', images), expected)


def test_the_base_network_agrees_too(tmp_path):
    network = build_rtformer('base', oracle.NUM_CLASSES)
    weights = oracle.reference_weights('base')
    network.load_state_dict({oracle.our_key(k): torch.from_numpy(v) for k, v in weights.items()})
    save_checkpoint(Checkpoint.of(network), tmp_path / 'base.safetensors')
    export_onnx(tmp_path / 'base.safetensors', tmp_path / 'base.onnx', 160, 224)
    images = photos(2, (160, 224))
    expected = run_torch(tmp_path / 'base.safetensors', images)
    assert_agreement(run_onnx(tmp_path / 'base.onnx', images), expected)


@pytest.mark.parametrize('count', [1, 2, 3])
def test_any_number_of_images_is_taken_and_each_is_judged_alone(tiny, exported_tiny, count):
    images = photos(count, TINY_SIZE)
    came = run_onnx(exported_tiny, images)
    assert_agreement(came, run_torch(tiny, images))
    for index in range(count):
        alone = run_onnx(exported_tiny, images[index : index + 1])
        assert_agreement(alone, [array[index : index + 1] for array in came])


@pytest.mark.parametrize('opset', [18, 19, 20])
def test_every_opset_gives_the_same(tmp_path, tiny, exported_tiny, opset):
    export_onnx(tiny, tmp_path / 'tiny.onnx', *TINY_SIZE, opset=opset)
    model = onnx.load(tmp_path / 'tiny.onnx')
    assert [(o.domain, o.version) for o in model.opset_import] == [('', opset)]
    images = photos(2, TINY_SIZE)
    assert_agreement(run_onnx(tmp_path / 'tiny.onnx', images), run_onnx(exported_tiny, images))


def test_the_graph_has_the_form_that_runtimes_take(exported_tiny):
    model = onnx.load(exported_tiny, load_external_data=False)
    height, width = TINY_SIZE

    def describe(value):
        tensor = value.type.tensor_type
        dims = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        return value.name, tensor.elem_type, dims

    uint8 = onnx.TensorProto.UINT8
    assert [describe(v) for v in model.graph.input] == [('image', uint8, ['n', height, width, 3])]
    assert [describe(v) for v in model.graph.output] == [
        ('class_map', uint8, ['n', height, width]),
        ('confidence', uint8, ['n', height, width]),
    ]
    readers = [node.op_type for node in model.graph.node if 'image' in node.input]
    assert readers == ['Cast']
    operators = Counter(node.op_type for node in model.graph.node)
    assert operators['BatchNormalization'] <= 23
    assert not {'If', 'Loop', 'NonZero', 'ConvTranspose', 'GridSample'} & operators.keys()
    constants = {tensor.name for tensor in model.graph.initializer}
    aliases = {n.output[0] for n in model.graph.node if n.op_type in ('Identity', 'Constant')}
    for node in model.graph.node:
        if node.op_type == 'Conv':
            assert node.input[1] in constants | aliases
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)


def test_a_file_describes_itself(tmp_path, slim):
    path = tmp_path / 'slim.onnx'
    returned = export_onnx(slim, path, 64, 96)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    metadata = ModelMetadata.from_properties(session.get_modelmeta().custom_metadata_map)
    assert metadata == returned
    assert metadata.labels == load_labels(CAMVID)
    assert (metadata.variant, metadata.height, metadata.width) == ('slim', 64, 96)
    assert metadata.description == 'untrained: random weights'
    digest = subprocess.run(['sha256sum', slim], check=True, capture_output=True, text=True).stdout
    assert metadata.checkpoint_sha256 == digest.split()[0]
    assert metadata.exporter.startswith('rtformer_ros ')
    assert metadata.output == 'class_map_confidence'
    assert metadata.input.layout == 'nhwc_uint8'


def test_labels_are_those_given_else_generic(tmp_path, tiny):
    labels = LabelSet.generic(4, 'mine')
    assert export_onnx(tiny, tmp_path / 'a.onnx', 32, 32, labels=labels).labels == labels
    assert export_onnx(tiny, tmp_path / 'b.onnx', 32, 32).labels == LabelSet.generic(4)
    with pytest.raises(ConfigError, match="'unnamed' has 5 classes, the checkpoint 4"):
        export_onnx(tiny, tmp_path / 'c.onnx', 32, 32, labels=LabelSet.generic(5))
    assert not (tmp_path / 'c.onnx').exists()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'height': 0}, 'height is 0'),
        ({'width': -3}, 'width is -3'),
        ({'opset': 16}, 'opset is 16; expected 17 to 20'),
        ({'opset': 21}, 'opset is 21'),
    ],
)
def test_impossible_exports_are_refused(tmp_path, tiny, arguments, words):
    with pytest.raises(ConfigError, match=words):
        export_onnx(tiny, tmp_path / 'x.onnx', **{'height': 32, 'width': 32, **arguments})
    assert not list(tmp_path.iterdir())


def test_swapped_arguments_do_not_overwrite_weights(tiny):
    before = tiny.read_bytes()
    with pytest.raises(ConfigError, match=r"ends in '\.onnx'"):
        export_onnx(tiny, tiny, 32, 32)
    assert tiny.read_bytes() == before


def test_bad_files_are_named(tmp_path, tiny):
    with pytest.raises(CheckpointError, match=r'none\.safetensors'):
        export_onnx(tmp_path / 'none.safetensors', tmp_path / 'x.onnx', 32, 32)
    (tmp_path / 'folder.onnx').mkdir()
    with pytest.raises(ModelError, match=r'folder\.onnx'):
        export_onnx(tiny, tmp_path / 'folder.onnx', 32, 32)
    assert [entry.name for entry in tmp_path.iterdir()] == ['folder.onnx']


def test_half_precision_is_half_the_file_and_says_the_same(tmp_path, slim):
    sizes = {}
    for precision in ('fp32', 'fp16'):
        path = tmp_path / f'{precision}.onnx'
        export_onnx(slim, path, 192, 256, precision=precision)
        sizes[precision] = path.stat().st_size
        assert precision_of(onnx.load(path)) == precision
    assert sizes['fp16'] < 0.51 * sizes['fp32']
    images = photos(2, (192, 256))
    single, half = (run_onnx(tmp_path / f'{name}.onnx', images) for name in sizes)
    assert len(np.unique(single[0])) >= 5
    assert (single[0] == half[0]).mean() >= 0.995
    properties = [onnx.load(tmp_path / f'{name}.onnx').metadata_props for name in sizes]
    assert properties[0] == properties[1]


def test_what_tensorrt_would_refuse_is_not_written(tmp_path, tiny, monkeypatch):
    interpolate = torch.nn.functional.interpolate
    monkeypatch.setattr(
        torch.nn.functional,
        'interpolate',
        lambda *args, **options: interpolate(*args, **{**options, 'mode': 'bicubic'}),
    )
    with pytest.raises(ModelError, match=r"TensorRT 8\.6 would refuse .*Resize '.*mode is cubic"):
        export_onnx(tiny, tmp_path / 'x.onnx', 64, 64)
    assert not list(tmp_path.iterdir())


def run_tool(name, *arguments):
    command = [sys.executable, '-m', f'rtformer_ros.tools.{name}', *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_exports(tmp_path, tiny, exported_tiny):
    size = ('--height', TINY_SIZE[0], '--width', TINY_SIZE[1])
    done = run_tool('export', tiny, tmp_path / 'tiny.onnx', *size)
    assert (done.returncode, done.stderr) == (0, '')
    assert '96 x 64 pixels, 4 classes' in done.stdout
    assert (tmp_path / 'tiny.onnx').read_bytes() == exported_tiny.read_bytes()


def test_the_command_line_exports_half_precision(tmp_path, tiny):
    size = ('--height', TINY_SIZE[0], '--width', TINY_SIZE[1])
    done = run_tool('export', tiny, tmp_path / 'tiny.onnx', *size, '--precision', 'fp16')
    assert (done.returncode, done.stderr) == (0, '')
    assert '96 x 64 pixels, 4 classes, fp16' in done.stdout
    assert precision_of(onnx.load(tmp_path / 'tiny.onnx')) == 'fp16'


def test_the_command_line_answers_mistakes_in_one_line(tmp_path):
    size = ('--height', 64, '--width', 96)
    done = run_tool('export', tmp_path / 'none.pdparams', tmp_path / 'x.onnx', *size)
    assert done.returncode == 1
    assert done.stderr.startswith('export: there are no weights')
    assert done.stderr.count('\n') == 1


def test_the_command_line_takes_names_of_weights_and_labels(tmp_path):
    size = ('--height', TINY_SIZE[0], '--width', TINY_SIZE[1])
    output = tmp_path / 'named.onnx'
    done = run_tool('export', 'rtformer_slim_camvid', output, *size, '--labels', 'camvid')
    assert (done.returncode, done.stderr) == (0, '')
    assert '96 x 64 pixels, 11 classes' in done.stdout
