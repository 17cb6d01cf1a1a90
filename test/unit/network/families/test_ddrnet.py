# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""DDRNet computes what PaddleSeg's and the authors' compute, from their own files of weights."""

import collections
import pickle

import numpy as np
import oracle
import pytest
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network import build_classifier, build_from_checkpoint, build_network
from rtformer_ros.network.families.ddrnet.backbone import SamePaddedConv2d
from rtformer_ros.network.weights.checkpoint import load_checkpoint
from rtformer_ros.training.run.initial_weights import initialize
import torch
import torch.nn.functional as F

TOLERANCE = 5e-5
SEGMENTATION = 'ddrnet23_slim_cityscapes_1x3x192x320.npz'
AUTHORS = 'ddrnet23_slim_authors_1x3x128x192.npz'
CLASSIFICATION = 'ddrnet23_slim_imagenet_1x3x96x128.npz'


def write_paddleseg(path, **changes):
    state = {**oracle.weights_of('ddrnet23_slim_cityscapes'), **changes}
    state = {key: value for key, value in state.items() if value is not None}
    path.write_bytes(pickle.dumps(state, protocol=4))
    return path


def authors_state(prefix=''):
    weights = oracle.weights_of('ddrnet23_slim_imagenet', of_torch=True)
    return collections.OrderedDict(
        (prefix + oracle.our_key(key), torch.from_numpy(value)) for key, value in weights.items()
    )


def images_of(name):
    return torch.from_numpy(oracle.images(oracle.shape_in(name)))


def parameter_count(network, *, with_statistics=False):
    counted = sum(parameter.numel() for parameter in network.parameters())
    if with_statistics:
        counted += sum(b.numel() for b in network.buffers() if b.is_floating_point())
    return counted


@pytest.fixture(scope='module')
def paddleseg(tmp_path_factory):
    return build_from_checkpoint(write_paddleseg(tmp_path_factory.mktemp('a') / 'ddrnet.pdparams'))


def test_logits_equal_those_of_paddleseg(paddleseg):
    golden, images = oracle.load(SEGMENTATION), images_of(SEGMENTATION)
    assert paddleseg.architecture.convention == 'paddleseg'
    assert paddleseg.architecture.variant == '23-slim'
    with torch.inference_mode():
        logits = paddleseg(images)
        aux = F.interpolate(
            paddleseg.seghead_extra(paddleseg.branches(images)[0]), images.shape[2:],
            mode='bilinear',
        )  # fmt: skip
    assert np.abs(logits[:, :, ::8, ::8].numpy() - golden['logits_s8']).max() <= TOLERANCE
    assert np.abs(aux[:, :, ::8, ::8].numpy() - golden['aux_logits_s8']).max() <= TOLERANCE
    assert np.mean(logits.argmax(1).numpy() != golden['argmax']) <= 1e-4


@pytest.mark.parametrize(('is_zip', 'prefix'), [(True, ''), (False, 'module.')])
def test_logits_equal_those_of_the_authors_classifier(tmp_path, is_zip, prefix):
    path = tmp_path / 'DDRNet23s_imagenet.pth'
    best = np.float64(70.2)
    optimizer = {'state': {0: {'momentum_buffer': torch.zeros(3)}}, 'param_groups': [{'lr': 0.1}]}
    training = {'state_dict': authors_state(prefix), 'best_top1': best, 'optimizer': optimizer}
    torch.save(training, path, _use_new_zipfile_serialization=is_zip)
    network = build_from_checkpoint(path)
    assert network.family.task == 'classification'
    with torch.inference_mode():
        logits = network(images_of(CLASSIFICATION))
    golden = oracle.load(CLASSIFICATION)['logits']
    assert logits.shape == golden.shape
    assert np.abs(logits.numpy() - golden).max() <= TOLERANCE


def test_logits_equal_those_of_the_authors_segmenter(tmp_path):
    weights = oracle.weights_of('ddrnet23_slim_authors')
    state = {oracle.our_key(key): torch.from_numpy(value) for key, value in weights.items()}
    torch.save(state, tmp_path / 'best.pth')
    network = build_from_checkpoint(tmp_path / 'best.pth')
    assert network.architecture.convention == 'official'
    golden, images = oracle.load(AUTHORS), images_of(AUTHORS)
    with torch.inference_mode():
        logits = network(images)
        aux = network.seghead_extra(network.branches(images)[0])
    # The authors' network stops at 1/8.
    expected = F.interpolate(torch.from_numpy(golden['logits']), images.shape[2:], mode='bilinear')
    assert (logits - expected).abs().max().item() <= TOLERANCE
    assert np.abs(aux.numpy() - golden['aux_logits']).max() <= TOLERANCE


@pytest.mark.parametrize('size', [(8, 8), (9, 8), (8, 9), (11, 7), (1, 2)])
def test_same_padding_is_that_of_its_definition(size):
    torch.manual_seed(3)
    conv = SamePaddedConv2d(2, 3).double()
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    outs = [-(-side // 2) for side in size]
    totals = [max(0, (out - 1) * 2 + 3 - side) for out, side in zip(outs, size, strict=True)]
    (top, left), (bottom, right) = (
        [total // 2 for total in totals],
        [total - total // 2 for total in totals],
    )
    expected = F.conv2d(F.pad(image, (left, right, top, bottom)), conv.weight, stride=2)
    with torch.no_grad():
        came = conv(image)
    assert list(came.shape[2:]) == outs
    torch.testing.assert_close(came, expected.detach(), rtol=0, atol=1e-12)


# Published for 19 classes without and with the auxiliary head, both with running statistics, and
# for ImageNet without them.
@pytest.mark.parametrize(
    ('name', 'without_aux', 'with_aux', 'classifier'),
    [
        ('ddrnet23_slim', 5_715_827, 5_754_438, 7_574_664),
        ('ddrnet23', 20_186_323, 20_337_254, 28_216_616),
    ],
)
def test_parameter_counts_are_those_published(name, without_aux, with_aux, classifier):
    with torch.device('meta'):
        inference = build_network(name, 19, aux_head=False)
        assert parameter_count(inference, with_statistics=True) == without_aux
        assert parameter_count(build_network(name, 19), with_statistics=True) == with_aux
        assert parameter_count(build_classifier(name)) == classifier


def test_an_image_classifier_starts_a_training(tmp_path):
    torch.save(authors_state(), tmp_path / 'imagenet.pth')
    network = build_network('ddrnet23_slim', 11)
    copied, fresh, _ = initialize(network, tmp_path / 'imagenet.pth')
    assert all(name.startswith(('spp.', 'final_layer.', 'seghead_extra.')) for name in fresh)
    heads = ('down5.', 'last_layer.', 'linear.')
    assert copied == sum(not key.startswith(heads) for key in authors_state())
    torch.testing.assert_close(network.state_dict()['layer5_.0.conv3.weight'],
                               authors_state()['layer5_.0.conv3.weight'])  # fmt: skip
    with pytest.raises(CheckpointError, match=r'imagenet\.pth: holds a DDRNet that classifies'):
        load_checkpoint(tmp_path / 'imagenet.pth')


def test_paddleseg_s_weights_start_a_training_too(tmp_path):
    network = build_network('ddrnet23_slim', 11, convention='paddleseg')
    copied, fresh, _ = initialize(network, write_paddleseg(tmp_path / 'ddrnet.pdparams'))
    assert fresh == [
        f'{head}.conv2.{kind}' for head in ('final_layer', 'seghead_extra')
        for kind in ('bias', 'weight')
    ]  # fmt: skip
    assert copied == len(oracle.weights_of('ddrnet23_slim_cityscapes')) - len(fresh)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'down3._conv.weight': np.zeros((128, 64, 1, 1), np.float32)}, r"'down3\.0\.weight' has"),
        ({'layer5_.0.conv_bn._conv.weight': None}, r"lacks 'layer5_\.0\.conv3\.weight' and"),
        ({'conv1.0._conv.weight': np.zeros((48, 3, 3, 3), np.float32)}, r'48 channels.*DDRNet-23'),
        ({'head.conv.weight': None}, 'backbone without a segmentation head'),
    ],
)
def test_damaged_weights_are_refused_by_name(tmp_path, changes, words):
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(write_paddleseg(tmp_path / 'ddrnet.pdparams', **changes))
