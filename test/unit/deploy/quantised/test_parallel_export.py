# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parallel groups become a graph of grouped INT8 convolutions that computes what PyTorch does."""

import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime
import parallel_groups
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network import build_from_checkpoint, ImageSegmenter
from rtformer_ros.network.quantisation.parallel.group_quantiser import input_codes
from rtformer_ros.network.quantisation.parallel.parallel_file import load_parallel
from rtformer_ros.network.quantisation.parallel.parallel_network import parallel_convolutions
from rtformer_ros.tools import check_model, export
import torch

IMAGES = 12


@pytest.fixture(scope='module', params=[(4, 2), (2, 3)], ids=str)
def exported(request, tmp_path_factory):
    """The file of weights, the graph, and what it says of itself."""
    folder = tmp_path_factory.mktemp('parallel')
    network = parallel_groups.parallel_network(*request.param)
    path = parallel_groups.save(network, folder / 'groups.safetensors')
    target = folder / 'groups.onnx'
    return path, target, export_onnx(path, target, *parallel_groups.SIZE)


def as_written(model):
    """A session of a file, or of what it holds, that changes nothing in the graph."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def test_onnx_runtime_computes_what_the_quantised_network_does(exported):
    """
    Beside features at the very border of two codes, which sums in another order may turn.

    As the graph says: ONNX Runtime by itself rounds the biases of such a graph as well.
    """
    path, target, _ = exported
    images = parallel_groups.scenes(IMAGES)
    came = as_written(target).run(['class_map', 'confidence'], {'image': images.numpy()})
    with torch.inference_mode():
        expected = [each.numpy() for each in ImageSegmenter(build_from_checkpoint(path))(images)]
    assert len(np.unique(expected[0])) > 1
    equal = (came[0] == expected[0]).reshape(IMAGES, -1).mean(axis=1)
    assert (equal >= 0.9999).sum() >= 0.75 * IMAGES, equal
    assert np.median(np.abs(came[1].astype(int) - expected[1])) == 0


def test_the_graph_holds_grouped_symmetric_codes_and_passes_all_checks(exported, capsys):
    path, target, metadata = exported
    checkpoint, model = load_parallel(path), onnx.load(target)
    bits, groups = checkpoint.precision.bits, checkpoint.precision.groups
    assert f'{groups} parallel groups of {bits} bits as INT8' in metadata.description
    arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    convolutions, found = parallel_convolutions(checkpoint.build()), 0
    for node in model.graph.node:
        maker = makers.get(node.input[1]) if node.op_type == 'Conv' else None
        if maker is None:
            continue
        name = maker.input[0].removeprefix('network.').removesuffix('.weight_codes')
        codes, scale, zero = (arrays[each] for each in maker.input)
        assert codes.dtype == np.int8
        assert set(np.unique(codes)) <= set(range(1 - (1 << bits), 1 << bits, 2))
        assert (scale > 0).all()
        assert not zero.any()
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        assert attributes['group'] == groups
        check_input(makers, arrays, node.input[0], convolutions[name])
        found += 1
    assert found == len(convolutions)
    assert precision_of(model) == 'int8'
    assert all(check_operators(model, release) == [] for release in ('8.6', '10'))
    assert 'Gather' not in {node.op_type for node in model.graph.node if 'shuffle' in node.name}
    assert check_model.main([str(target)]) == 0
    capsys.readouterr()


def test_given_the_same_features_every_code_is_that_of_pytorch(exported):
    path, target, _ = exported
    convolutions, model = parallel_convolutions(build_from_checkpoint(path)), onnx.load(target)
    makers = {node.output[0]: node for node in model.graph.node}
    pairs = {}
    for name in convolutions:
        weights = f'network.{name}.weight_dequantised'
        [conv] = [node for node in model.graph.node if weights in node.input]
        quantise = makers[makers[conv.input[0]].input[0]]
        pairs[name] = (makers[quantise.input[0]].input[0], quantise.output[0])
    for tensor in {tensor for pair in pairs.values() for tensor in pair}:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
    session = as_written(model.SerializeToString())
    names = [each.name for each in session.get_outputs()]
    images = parallel_groups.scenes(2).numpy()
    found = dict(zip(names, session.run(None, {'image': images}), strict=True))
    for name, (features, codes) in pairs.items():
        conv = convolutions[name]
        arguments = (conv.input_offset, conv.input_span, conv.input_below, conv.levels)
        with torch.no_grad():
            expected = input_codes(torch.from_numpy(found[features]), *arguments).numpy()
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(found[codes], expected)


def check_input(makers, arrays, name, conv):
    """What a convolution reads is clipped to its levels, then INT8 and back."""
    dequantise = makers[name]
    quantise = makers[dequantise.input[0]]
    clip = makers[quantise.input[0]]
    operators = [each.op_type for each in (clip, quantise, dequantise)]
    assert operators == ['Clip', 'QuantizeLinear', 'DequantizeLinear']
    scale, below, last = float(arrays[quantise.input[1]]), int(conv.input_below), conv.levels - 1
    assert scale == pytest.approx(float(conv.input_span.detach()) / last)
    limits = [float(arrays[each]) for each in clip.input[1:]]
    assert limits == pytest.approx([-below * scale, (last - below) * scale])
    assert not arrays[quantise.input[2]].any()


def test_it_has_one_precision(exported, tmp_path):
    path, target, _ = exported
    bits = load_parallel(path).precision.bits
    for precision in {'fp32', 'fp16', 'int8', 'int4', 'int2'} - {f'int{bits}'}:
        with pytest.raises(CheckpointError, match=f'have no {precision}; leave --precision out'):
            export_onnx(path, tmp_path / 'm.onnx', *parallel_groups.SIZE, precision=precision)
    named = tmp_path / 'named.onnx'
    export_onnx(path, named, *parallel_groups.SIZE, precision=f'int{bits}')
    assert named.read_bytes() == target.read_bytes()


def test_the_tool_says_which_precision_it_wrote(exported, tmp_path, monkeypatch, capsys):
    path, target, _ = exported
    size = [str(each) for each in parallel_groups.SIZE]
    written = tmp_path / 'tool.onnx'
    arguments = [str(path), str(written), '--height', size[0], '--width', size[1]]
    monkeypatch.setattr('sys.argv', ['export', *arguments])
    assert export.main() == 0
    assert f'int{load_parallel(path).precision.bits}' in capsys.readouterr().out
    assert written.read_bytes() == target.read_bytes()
