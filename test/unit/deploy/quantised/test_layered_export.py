# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A precision of layered weights becomes an INT8 graph that computes what PyTorch does."""

import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.deploy.quantised.quantisable_convolutions import quantisable_convolutions
from rtformer_ros.deploy.quantised.quantised_graph import ConvolutionCodes, quantise_convolutions
from rtformer_ros.errors import CheckpointError, ConfigError, ModelError
from rtformer_ros.network import build_from_checkpoint, build_network, ImageSegmenter
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint
from rtformer_ros.network.quantisation.layered_file import load_layered, save_layered
from rtformer_ros.network.quantisation.layered_network import (
    each_precision,
    largest_inputs,
    layer_network,
    use_bits,
)
from rtformer_ros.network.weights.checkpoint import Checkpoint, save_checkpoint
from rtformer_ros.tools import check_model
from rtformer_ros.tools.describe_model import __main__ as describe_model
import torch
from training_scenes import scene

SIZE = (64, 96)
WIDTHS = (8, 6, 4)
NETWORKS = {
    'rtformer_slim': {'base_channels': 8, 'head_channels': 8},
    # Its convolutions of stride 2 pad themselves, and its batch norms stand behind convolutions.
    'ddrnet23_slim': {'base_channels': 8, 'head_channels': 8, 'convention': 'paddleseg'},
}


def images(count):
    return torch.from_numpy(np.stack([scene(seed, *SIZE)[0] for seed in range(count)]))


CASES = [('rtformer_slim', 8), ('rtformer_slim', 4), ('ddrnet23_slim', 6)]


def layered(name):
    """A layered network with norms of both signs, and statistics of its own images."""
    torch.manual_seed(1)
    network = build_network(name, 4, bn_momentum=1.0, **NETWORKS[name])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, mean=0.6, std=0.5)
            torch.nn.init.normal_(module.bias, std=0.2)
    last = network.get_submodule(network.family.last_layer)
    torch.nn.init.normal_(last.weight, std=0.5)
    segmenter = ImageSegmenter(network)
    segmenter.logits(images(2))
    network.eval()
    names = quantisable_convolutions(network)
    layer_network(network, largest_inputs(network, names, [images(2)]), WIDTHS)
    network.train()
    for _ in each_precision(network):
        segmenter.logits(images(2))
    return network


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    """Both networks' files, by name."""
    folder = tmp_path_factory.mktemp('layered')
    for name in NETWORKS:
        network = layered(name)
        checkpoint = LayeredCheckpoint.of(network, Checkpoint.of(network))
        save_layered(checkpoint, folder / f'{name}.safetensors')
    return {name: folder / f'{name}.safetensors' for name in NETWORKS}


@pytest.fixture(scope='module', params=CASES, ids=str)
def exported(request, paths, tmp_path_factory):
    """The file of weights, the bits that were exported, the graph and what it says of itself."""
    name, bits = request.param
    target = tmp_path_factory.mktemp('exported') / 'model.onnx'
    metadata = export_onnx(paths[name], target, *SIZE, precision=f'int{bits}')
    return paths[name], bits, target, metadata


def test_onnx_runtime_computes_what_the_fake_quantised_network_does(exported):
    """As the graph says: ONNX Runtime by itself rounds the biases of such a graph as well."""
    path, bits, target, _ = exported
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(target, options, providers=['CPUExecutionProvider'])
    came = session.run(['class_map', 'confidence'], {'image': images(2).numpy()})
    network = build_from_checkpoint(path)
    use_bits(network, bits)
    with torch.inference_mode():
        expected = [tensor.numpy() for tensor in ImageSegmenter(network)(images(2))]
    assert len(np.unique(expected[0])) > 1
    assert (came[0] == expected[0]).mean() >= 0.999
    assert np.median(np.abs(came[1].astype(int) - expected[1])) <= 1


def test_the_graph_holds_symmetric_codes_and_passes_all_checks(exported, capsys):
    path, bits, target, metadata = exported
    assert f'layered weights of {bits} bits' in metadata.description
    model, layers = onnx.load(target), load_layered(path).layers
    arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    found = 0
    for conv in (node for node in model.graph.node if node.op_type == 'Conv'):
        maker = makers.get(conv.input[1])
        if maker is None:
            continue
        assert maker.op_type == 'DequantizeLinear'
        codes, scale, zero = (arrays[name] for name in maker.input)
        name = maker.input[0].removeprefix('network.').removesuffix('.weight_codes')
        q8 = layers[name].codes.astype(int)
        signs = np.where(np.arange(q8[0].size) % 2, -1, 1).reshape(1, *q8.shape[1:])
        cell = 1 << (8 - bits)
        # The closed form: the upper bits of the stored code, at the centre of their cell.
        cut = q8 if bits == 8 else signs * (2 * (signs * q8 // cell) + 1)
        turned = np.where((codes == cut).all(axis=(1, 2, 3)), 1, -1)[:, None, None, None]
        np.testing.assert_array_equal(codes, turned * cut)
        assert codes.dtype == np.int8
        assert (scale > 0).all()
        assert not zero.any()
        reader = makers[conv.input[0]]
        assert reader.op_type == 'DequantizeLinear'
        assert makers[reader.input[0]].op_type == 'QuantizeLinear'
        found += 1
    assert found == len(layers)
    assert precision_of(model) == 'int8'
    for release in ('8.6', '10'):
        assert check_operators(model, release) == []
    assert check_model.main([str(target)]) == 0
    assert describe_model.main([str(target)]) == 1
    printed = capsys.readouterr()
    assert 'int8' in printed.out
    assert 'describes itself; it needs no sidecar' in printed.err


def test_files_of_the_other_kind_are_refused(paths, tmp_path):
    path = paths['ddrnet23_slim']
    target = tmp_path / 'model.onnx'
    with pytest.raises(CheckpointError, match='give --precision int8 or int6 or int4'):
        export_onnx(path, target, *SIZE)
    with pytest.raises(ConfigError, match='have no 2 bits'):
        export_onnx(path, target, *SIZE, precision='int2')
    plain = tmp_path / 'plain.safetensors'
    network = build_network('rtformer_slim', 4, base_channels=8, head_channels=8)
    save_checkpoint(Checkpoint.of(network), plain)
    with pytest.raises(CheckpointError, match='train them with --qat layered'):
        export_onnx(plain, target, *SIZE, precision='int8')


def test_weights_that_are_no_multiples_of_their_codes_are_refused():
    weights = np.ones((1, 2, 1, 1), np.float32)
    node = onnx.helper.make_node('Conv', ['x', 'w'], ['y'])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        'graph',
        [value('x', 1, [1, 2, 4, 4])],
        [value('y', 1, [1, 1, 4, 4])],
        [numpy_helper.from_array(weights, 'w')],
    )
    codes = np.array([1, 3], np.int8).reshape(1, 2, 1, 1)
    model = onnx.helper.make_model(graph)
    with pytest.raises(ModelError, match='no multiple of its codes'):
        quantise_convolutions(model, {'w': ConvolutionCodes(codes, 0.1)})
    with pytest.raises(ModelError, match='lacks the weights v'):
        quantise_convolutions(model, {'v': ConvolutionCodes(codes, 0.1)})


def test_what_is_left_out_is_what_post_training_quantisation_leaves_out():
    network = build_network('rtformer_slim', 4, base_channels=8, head_channels=8).eval()
    convolutions = {
        name for name, each in network.named_modules() if isinstance(each, torch.nn.Conv2d)
    }
    left_out = convolutions - {*quantisable_convolutions(network)}
    assert left_out == {
        'conv1.0',
        *(f'{head}.conv{n}' for head in ('seghead', 'seghead_extra') for n in (1, 2)),
    }
