# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Deciding among candidates comes to what enlarging and comparing all classes comes to."""

import numpy as np
import onnx
import onnxruntime
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import (
    build_from_checkpoint,
    build_rtformer,
    ImageSegmenter,
    save_checkpoint,
)
from rtformer_ros.network.candidate_classes import CANDIDATES, decide_enlarged, has_candidates
from rtformer_ros.network.image_segmenter import decide
from rtformer_ros.tools.random_checkpoint import random_checkpoint
from street_images import photo
import torch
import torch.nn.functional as F

SIZE = (192, 256)


def enlarged(logits, factor):
    return F.interpolate(logits, scale_factor=factor, mode='bilinear', align_corners=False)


def regions(num_classes, height, width, seed=0, count=2):
    """Logits as networks give them: each class has a few soft blobs, with noise all over."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, num_classes, height // 4, width // 4, generator=random) * 6
    smooth = F.interpolate(coarse, size=(height, width), mode='bicubic')
    return smooth + torch.randn(smooth.shape, generator=random)


@pytest.mark.parametrize('factor', [2, 4, 8])
@pytest.mark.parametrize('num_classes', [60, 171])
def test_classes_and_probabilities_are_those_of_all_classes(factor, num_classes):
    logits = regions(num_classes, 24, 36)
    probabilities = enlarged(logits, factor).softmax(dim=1)
    expected, winner = probabilities.max(dim=1)
    index, probability = decide_enlarged(logits, factor)
    assert index.shape == winner.shape == (2, 24 * factor, 36 * factor)
    assert (index == winner).double().mean() >= 0.9999
    differences = (probability - expected).abs()
    assert differences.max() < 0.05
    assert differences.mean() < 0.001
    assert len(winner.unique()) > 20
    assert expected.min() < 0.3


def test_with_no_more_classes_than_candidates_it_is_exact():
    logits = regions(CANDIDATES, 12, 16).double()
    expected, winner = enlarged(logits, 8).softmax(dim=1).max(dim=1)
    index, probability = decide_enlarged(logits, 8)
    assert torch.equal(index, winner)
    torch.testing.assert_close(probability, expected, atol=1e-5, rtol=0)


def test_a_class_that_wins_only_between_the_pixels_is_found():
    # At each of the four pixels another class is first; class 50 is second everywhere.
    logits = torch.full((1, 60, 2, 2), -20.0)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        logits[0, number, row, column] = 10.0
    logits[0, 50] = 8.0
    # Others that come close at one pixel alone, and are more than all candidates.
    logits[0, 4:30, 0, 0] = 9.5
    index, _ = decide_enlarged(logits, 8)
    assert torch.equal(index, enlarged(logits, 8).argmax(dim=1))
    assert (index == 50).any()


@pytest.mark.parametrize(
    ('num_classes', 'small', 'size', 'expected'),
    [
        (171, (45, 60), (360, 480), True),
        (11, (45, 60), (360, 480), False),
        (171, (46, 61), (361, 483), False),
        (171, (45, 60), (360, 488), False),
        (171, (120, 160), (360, 480), False),
        (171, (45, 60), (45, 60), False),
    ],
)
def test_only_whole_factors_and_many_classes_have_candidates(num_classes, small, size, expected):
    assert has_candidates(num_classes, small, size) is expected


@pytest.fixture(scope='module')
def many_classes(tmp_path_factory):
    path = tmp_path_factory.mktemp('many') / 'many.safetensors'
    save_checkpoint(random_checkpoint('slim', LabelSet.generic(171), photo(SIZE)), path)
    return path


def test_an_exported_network_of_many_classes_decides_as_its_logits_do(tmp_path, many_classes):
    export_onnx(many_classes, tmp_path / 'many.onnx', *SIZE)
    graph = onnx.load(tmp_path / 'many.onnx').graph
    assert 'TopK' in {node.op_type for node in graph.node}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        tmp_path / 'many.onnx', options, providers=['CPUExecutionProvider']
    )
    image = photo(SIZE)
    images = np.stack([image, image[:, ::-1], image[::-1]])
    came = session.run(['class_map', 'confidence'], {'image': images})
    segmenter = ImageSegmenter(build_from_checkpoint(many_classes))
    with torch.inference_mode():
        class_map, confidence = (
            each.numpy() for each in decide(segmenter.logits(torch.from_numpy(images)))
        )
    assert len(np.unique(class_map)) > 10
    same = came[0] == class_map
    assert same.mean() >= 0.9999
    differences = np.abs(came[1].astype(int) - confidence)[same]
    assert np.quantile(differences, 0.99) <= 3
    assert differences.max() <= 25


def test_the_network_itself_returns_the_logits_of_all_classes():
    network = build_rtformer('slim', 171, base_channels=8, head_channels=8).eval()
    logits = network(torch.zeros(1, 3, 64, 64))
    assert logits.shape == (1, 171, 64, 64)
    torch.testing.assert_close(
        enlarged(network.small_logits(torch.zeros(1, 3, 64, 64)), 8), logits
    )
