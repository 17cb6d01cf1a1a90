# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The boundary neck: formula, exact zeros, logits of old checkpoints, files, export."""

from itertools import product
import json

import numpy as np
import onnx
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import to_fp16
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.deploy.quantize import quantize
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import (
    build_classifier,
    build_from_checkpoint,
    build_network,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.families.boundary.semantic_difference import (
    NeighbourDifferences,
    SemanticDifferenceConv,
)
from rtformer_ros.network.families.boundary.semantic_diffusion import SemanticDiffusion
from rtformer_ros.tools.compare_networks.candidate import candidate_named
from rtformer_ros.training.run.initial_weights import initialize
import safetensors
import safetensors.torch
from street_images import samples
import torch

NARROW = {'base_channels': 8, 'head_channels': 8, 'drop_path_rate': 0.0}
NEIGHBOURS = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]
SIZES = [(5, 6), (1, 9), (1, 1)]


def slim(boundary='sdn', **options):
    torch.manual_seed(2)
    return build_network('rtformer_slim', 5, **{**NARROW, 'boundary': boundary, **options})


def neighbour(image, y, x, step):
    """The pixel a step away, or the border pixel before it."""
    height, width = image.shape[1:]
    return image[:, min(max(y + step[0], 0), height - 1), min(max(x + step[1], 0), width - 1)]


def maps(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def tensor(image):
    return torch.from_numpy(image)[None]


@pytest.mark.parametrize('size', SIZES)
def test_semantic_difference_follows_its_formula(size):
    torch.manual_seed(1)
    module = SemanticDifferenceConv(3, 2, 0.1).double().eval()
    conv, norm = module.mixing
    norm.eps = 0.0
    features, guidance = maps(0, (3, *size), (2, *size))
    weights = conv.weight.detach().numpy().reshape(3, 8)
    expected = np.zeros_like(features)
    for y, x in np.ndindex(size):
        for place, step in enumerate(NEIGHBOURS):
            semantic = neighbour(guidance, y, x, step) - guidance[:, y, x]
            conductance = 1 - np.exp(-np.mean(semantic**2))
            difference = neighbour(features, y, x, step) - features[:, y, x]
            expected[:, y, x] += weights[:, place] * conductance * difference
    with torch.inference_mode():
        came = module(tensor(features), tensor(guidance))[0].numpy()
    np.testing.assert_allclose(came, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('size', [*SIZES, (45, 60)])
def test_a_constant_map_has_no_differences_at_its_border_either(size):
    # A value that no short binary fraction holds.
    constant = torch.full((1, 3, *size), 3.7) * torch.tensor([1, -0.1, 1e3])[:, None, None]
    assert not NeighbourDifferences(3)(constant).any()
    module = SemanticDifferenceConv(3, 3, 0.1).eval()
    torch.manual_seed(0)
    other = torch.randn(1, 3, *size)
    with torch.inference_mode():
        assert not module.conductance(constant).any()
        assert not module(constant, other).any()
        assert not module(other, constant).any()


def test_conductance_is_that_of_a_step_at_the_step_alone():
    guidance = torch.zeros(1, 4, 3, 6)
    guidance[..., 3:] = 0.5
    came = SemanticDifferenceConv(2, 4, 0.1).conductance(guidance)[0].numpy()
    expected = np.zeros((8, 3, 6))
    for place, (_, right) in enumerate(NEIGHBOURS):
        for left_of_step, direction in ((2, 1), (3, -1)):
            expected[place, :, left_of_step] = (right == direction) * (1 - np.exp(-0.25))
    np.testing.assert_allclose(came, expected, rtol=1e-6)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_conductance_stays_bounded_and_finite(dtype):
    module = SemanticDifferenceConv(2, 4, 0.1)
    guidance = (1e4 * torch.randn(1, 4, 6, 7)).to(dtype).requires_grad_()
    came = module.to(dtype).conductance(guidance)
    assert came.dtype == dtype
    assert came.min() >= 0
    assert came.max() == 1
    came.sum().backward()
    assert bool(torch.isfinite(guidance.grad).all())


@pytest.mark.parametrize('training', [False, True])
def test_a_fresh_neck_returns_its_input_bit_for_bit_and_can_leave_it(training):
    torch.manual_seed(4)
    neck = SemanticDiffusion(6, 5, 0.1).train(training)
    features, context = torch.randn(2, 6, 7, 9), torch.randn(2, 5, 7, 9)
    came = neck(features, context)
    assert torch.equal(came, features)
    (came * torch.randn_like(came)).sum().backward()
    moved = {name for name, weight in neck.named_parameters() if weight.grad.any()}
    assert moved == {'fusion.1.weight', 'fusion.1.bias'}
    with torch.no_grad():
        for weight in neck.parameters():
            weight -= 0.01 * weight.grad
    neck.zero_grad()
    (neck(features, context) * torch.randn_like(came)).sum().backward()
    assert all(weight.grad.any() for weight in neck.parameters())


@pytest.mark.parametrize('size', [(64, 96), (93, 131)])
def test_a_plain_checkpoint_keeps_its_logits_exactly(tmp_path, size):
    plain = slim('none')
    plain(torch.randn(4, 3, 64, 64))
    save_checkpoint(Checkpoint.of(plain), tmp_path / 'plain.safetensors')
    necked = slim()
    copied, fresh, _ = initialize(necked, tmp_path / 'plain.safetensors')
    assert copied == len(Checkpoint.of(plain).state)
    assert {name.partition('.')[0] for name in fresh} == {'sdn'}
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        assert torch.equal(necked.eval()(images), plain.eval()(images))
    for came, expected in zip(necked.train()(images), plain.train()(images), strict=True):
        assert torch.equal(came, expected)


def test_a_neck_that_a_plain_network_leaves_out_is_named(tmp_path):
    necked = slim()
    save_checkpoint(Checkpoint.of(necked), tmp_path / 'necked.safetensors')
    plain = slim('none')
    copied, fresh, left_out = initialize(plain, tmp_path / 'necked.safetensors')
    own, of_neck = Checkpoint.of(plain).state, Checkpoint.of(necked).state
    assert (copied, fresh) == (len(own), [])
    assert set(left_out) == {name for name in of_neck if name.startswith('sdn.')}


def test_the_neck_costs_as_many_weights_as_its_formula():
    def weights(**options):
        network = build_network('rtformer_slim', 19, **NARROW, **options)
        return sum(weight.numel() for weight in network.parameters())

    named = candidate_named('rtformer_slim:boundary=sdn')
    guide, mixing, fusion = 16 * 16 + 2 * 16, 16 * 8 + 2 * 16, 32 * 16 + 2 * 16
    assert weights(**named.options) - weights() == guide + mixing + fusion
    assert weights(boundary='none') == weights()


def test_the_neck_shows_in_the_weights_alone_and_in_the_header(tmp_path):
    network = slim(base_channels=32)
    bare, path = tmp_path / 'bare.safetensors', tmp_path / 'network.safetensors'
    safetensors.torch.save_file(Checkpoint.of(network).state, bare)
    assert load_checkpoint(bare).architecture.boundary == 'sdn'
    save_checkpoint(Checkpoint.of(network), path)
    assert build_from_checkpoint(path).architecture == network.architecture


def with_header(path, boundary):
    """Write a file again whose header says another form than its weights have."""
    with safetensors.safe_open(path, framework='np') as file:
        header = json.loads(file.metadata()['rtformer_ros'])
    if boundary is None:
        del header['architecture']['boundary']
    else:
        header['architecture']['boundary'] = boundary
    state = safetensors.torch.load_file(path)
    safetensors.torch.save_file(state, path, {'rtformer_ros': json.dumps(header)})


@pytest.mark.parametrize(
    ('form', 'said', 'words'),
    [
        ('none', 'sdn', r"does not fit RTFormer slim: it lacks 'sdn\.difference\.mixing\.0"),
        ('sdn', 'none', r"it lacks nothing and has besides 'sdn\.difference\.mixing\.0"),
        ('sdn', None, r"it lacks nothing and has besides 'sdn\.difference\.mixing\.0"),
        ('sdn', 'snake', "boundary is 'snake'; expected one of none, sdn"),
    ],
)
def test_a_checkpoint_of_another_form_than_it_says_is_refused(tmp_path, form, said, words):
    path = tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(slim(form)), path)
    with_header(path, said)
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)


def test_files_from_before_the_neck_are_those_without_it(tmp_path):
    network, path = slim('none'), tmp_path / 'old.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    with_header(path, None)
    assert build_from_checkpoint(path).architecture == network.architecture


def test_a_damaged_neck_is_named(tmp_path):
    state = dict(Checkpoint.of(slim(base_channels=32)).state)
    del state['sdn.fusion.0.weight']
    safetensors.torch.save_file(state, tmp_path / 'bare.safetensors')
    with pytest.raises(
        CheckpointError, match=r"lacks 'sdn\.fusion\.0\.weight' and has besides no"
    ):
        load_checkpoint(tmp_path / 'bare.safetensors')


@pytest.mark.parametrize(
    ('build', 'words'),
    [
        (lambda: slim('edge'), "boundary is 'edge'; expected one of none, sdn"),
        (lambda: build_network('ddrnet23_slim', 3, boundary='sdn'), 'no option boundary'),
        (lambda: build_classifier('rtformer_slim', 3, boundary='sdn'), 'no option boundary'),
    ],
)
def test_necks_that_cannot_be_are_refused(build, words):
    with pytest.raises(ConfigError, match=words):
        build()


def test_tensorrt_takes_the_neck_in_every_precision(tmp_path):
    size = (93, 131)
    network = slim(aux_head=False)
    torch.nn.init.normal_(network.sdn.fusion[1].weight)
    save_checkpoint(Checkpoint.of(network), tmp_path / 'network.safetensors')
    export_onnx(tmp_path / 'network.safetensors', tmp_path / 'network.onnx', *size)
    single = onnx.load(tmp_path / 'network.onnx')
    half, quantised = to_fp16(single), quantize(single, samples(size)[:1])
    for model in (single, half, quantised):
        assert check_operators(model, '10') == []
    assert check_operators(single, '8.6') == check_operators(half, '8.6') == []
    # The sum of squares stays FP32; what it weighs, eight times the features, does not.
    made = {name: node for node in half.graph.node for name in node.output}
    [mean] = [n for n in half.graph.node if n.op_type == 'ReduceMean' and 'sdn' in n.name]
    assert made[mean.input[0]].op_type == 'Cast'
    [weighed] = [n for n in half.graph.node if n.name.endswith('difference/Mul_1')]
    assert made[weighed.input[0]].op_type == 'Reshape'
