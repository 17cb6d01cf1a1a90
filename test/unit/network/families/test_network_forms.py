# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What holds of every network that can be built by name: sizes, gradients, folding, export."""

import numpy as np
import onnxruntime
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.fuse_batch_norms import fold_batch_norms
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network import (
    build_classifier,
    build_from_checkpoint,
    build_network,
    Checkpoint,
    ImageSegmenter,
    load_checkpoint,
    save_checkpoint,
)
from rtformer_ros.network.registry import network_names
from rtformer_ros.network.weights.conversion import convert_weights
from rtformer_ros.training.run.initial_weights import initialize
from street_images import photo
import torch
from torch import nn

NARROW = {'base_channels': 8, 'head_channels': 8}
# One of each form of layers, narrow: what can be built by name and is quick to run.
SEGMENTERS = {
    'rtformer_slim': {**NARROW, 'drop_path_rate': 0.0},
    'rtformer_slim self': {**NARROW, 'drop_path_rate': 0.0, 'attention': 'mhsa', 'high': 'none'},
    'rtformer_slim external': {
        **NARROW,
        'drop_path_rate': 0.0,
        'attention': 'mhea',
        'memory_ratio': 0.25,
        'feed_forward': 'depthwise',
    },
    'rtformer_slim linformer': {
        **NARROW,
        'drop_path_rate': 0.0,
        'attention': 'linformer',
        'projected_tokens': 16,
        'high': 'gfa',
        'groups': (8, 2),
        'cross_size': 4,
    },
    'rtformer_slim boundary': {**NARROW, 'drop_path_rate': 0.0, 'boundary': 'sdn'},
    'ddrnet23_slim': NARROW,
    'ddrnet23_slim paddleseg': {**NARROW, 'convention': 'paddleseg'},
    'mixformer_b0': {'base_channels': 16, 'depths': (1, 1, 1, 1), 'head_channels': 8},
    'pale_t': {'base_channels': 8, 'depths': (1, 1, 1, 1), 'head_channels': 8},
}
CLASSIFIERS = {
    'rtformer_slim': {'base_channels': 8, 'last_channels': 16, 'drop_path_rate': 0.0},
    'ddrnet23_slim': {'base_channels': 8, 'last_channels': 16},
    'mixformer_b0': {'base_channels': 16, 'depths': (1, 1, 1, 1)},
    'pale_t': {'base_channels': 8, 'depths': (1, 1, 1, 1)},
}
segmenters = pytest.mark.parametrize('key', SEGMENTERS)
classifiers = pytest.mark.parametrize('key', CLASSIFIERS)


def at_work(network):
    """A network whose norms all do something, in eval mode."""
    torch.manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
    head = network.get_submodule(network.family.last_layer)
    nn.init.normal_(head.weight, std=0.3)
    return network.eval()


def segmenter(key, num_classes=5, **options):
    torch.manual_seed(4)
    return build_network(key.split()[0], num_classes, **{**SEGMENTERS[key], **options})


def classifier(key, num_classes=7):
    torch.manual_seed(4)
    return build_classifier(key.split()[0], num_classes, **CLASSIFIERS[key])


def test_every_form_of_layers_is_tested_here():
    def forms(names):
        return {name.split()[0].rstrip('0123456') for name in names}

    def family(name):
        return name.partition('_')[0].rstrip('0123456789')

    for task, tested in (('segmentation', SEGMENTERS), ('classification', CLASSIFIERS)):
        assert {family(n) for n in network_names(task)} == {family(n) for n in forms(tested)}


@segmenters
@pytest.mark.parametrize('size', [(123, 161), (64, 64), (33, 31), (7, 5), (1, 1)])
def test_any_input_size_gives_logits_of_that_size(key, size):
    network = segmenter(key, 3).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, *size))
    assert logits.shape == (2, 3, *size)
    assert bool(torch.isfinite(logits).all())


@classifiers
@pytest.mark.parametrize('size', [(123, 161), (64, 64), (7, 5)])
def test_classifiers_take_any_size_too(key, size):
    with torch.inference_mode():
        logits = classifier(key).eval()(torch.randn(2, 3, *size))
    assert logits.shape == (2, 7)
    assert bool(torch.isfinite(logits).all())


def learning(network):
    """The network in training mode, but for its norms: statistics of a batch cancel any bias."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return network


def reached(network, outputs):
    """Names of the weights that random gradients of the outputs do not reach."""
    torch.manual_seed(6)
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    return [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None
        or not bool(torch.isfinite(weight.grad).all())
        or not bool(weight.grad.any())
    ]


@segmenters
def test_gradients_reach_every_weight(key):
    network = learning(at_work(segmenter(key)))
    main, aux = network(torch.randn(2, 3, 96, 96))
    assert main.shape == aux.shape == (2, 5, 96, 96)
    assert not torch.equal(main, aux)
    assert reached(network, (main, aux)) == []
    alone = segmenter(key, aux_head=False)(torch.randn(2, 3, 64, 64))
    assert alone.shape == (2, 5, 64, 64)


@classifiers
def test_gradients_reach_every_weight_of_a_classifier(key):
    network = learning(at_work(classifier(key)))
    assert reached(network, [network(torch.randn(2, 3, 96, 96))]) == []


@segmenters
def test_images_of_a_batch_do_not_see_each_other(key):
    network = at_work(segmenter(key)).double()
    pair = torch.randn(2, 3, 65, 97, dtype=torch.float64)
    with torch.inference_mode():
        apart = torch.cat([network(image[None]) for image in pair])
        torch.testing.assert_close(network(pair), apart, rtol=1e-9, atol=1e-9)


@segmenters
def test_folding_leaves_logits_as_they_were(key):
    network = at_work(segmenter(key)).double()
    result = fold_batch_norms(network)
    assert result.folded >= result.remaining
    images = torch.randn(2, 3, 97, 129, dtype=torch.float64)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(result.network(images), expected, rtol=1e-8, atol=1e-8)
    assert expected.std().item() > 0.01


# PaddleSeg's convention differs for even sizes; test_export has RTFormer.
@pytest.mark.parametrize('key', [*SEGMENTERS][1:])
def test_an_exported_network_computes_what_it_did(tmp_path, key):
    """The export itself refuses what a TensorRT would not take."""
    size = (96, 128) if 'paddleseg' in key else (93, 131)
    path = tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(at_work(segmenter(key))), path)
    export_onnx(path, tmp_path / 'network.onnx', *size)
    session = onnxruntime.InferenceSession(
        tmp_path / 'network.onnx', providers=['CPUExecutionProvider']
    )
    images = photo(size)[None]
    images = np.concatenate([images, images[:, ::-1]])
    class_map, confidence = session.run(['class_map', 'confidence'], {'image': images})
    with torch.inference_mode():
        expected = ImageSegmenter(build_from_checkpoint(path))(torch.from_numpy(images))
    expected_map, expected_confidence = (each.numpy() for each in expected)
    assert len(np.unique(expected_map)) >= 3
    same = class_map == expected_map
    assert same.mean() >= 0.9999
    # Steep with these weights: PyTorch's own float32 is half a step away from its float64.
    steps = 2 if 'linformer' in key else 1
    assert np.abs(confidence.astype(int) - expected_confidence)[same].max() <= steps


@segmenters
def test_files_keep_all_of_a_network(tmp_path, key):
    network, path = at_work(segmenter(key)), tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    came = build_from_checkpoint(path)
    assert came.architecture == network.architecture
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(came(images), network(images), rtol=0, atol=0)


@classifiers
def test_files_keep_all_of_a_classifier_and_start_its_segmenter(tmp_path, key):
    network, path = at_work(classifier(key)), tmp_path / 'classifier.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    conversion = convert_weights(path, tmp_path / 'again.safetensors')
    assert (conversion.task, conversion.num_classes) == ('classification', 7)
    came = build_from_checkpoint(tmp_path / 'again.safetensors')
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(came(images), network(images), rtol=0, atol=0)
    segmenting = segmenter(key)
    copied, fresh, _ = initialize(segmenting, path)
    assert all(name.startswith(segmenting.family.head_prefixes) for name in fresh)
    assert copied == len(network.state_dict().keys() & segmenting.state_dict().keys()) - sum(
        name.endswith('num_batches_tracked') for name in segmenting.state_dict()
        if not name.startswith(segmenting.family.head_prefixes)
    )  # fmt: skip


@classifiers
def test_a_classifier_is_not_exported_as_a_segmenter(tmp_path, key):
    path = tmp_path / 'classifier.safetensors'
    save_checkpoint(Checkpoint.of(classifier(key)), path)
    with pytest.raises(CheckpointError, match=r'that classifies images as a whole: give it to'):
        export_onnx(path, tmp_path / 'classifier.onnx', 64, 96)


@segmenters
def test_a_segmenter_is_no_classifier(tmp_path, key):
    path = tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(segmenter(key)), path)
    with pytest.raises(CheckpointError, match='that segments; expected one that classifies'):
        load_checkpoint(path, task='classification')


@segmenters
def test_weights_of_one_family_do_not_start_another(tmp_path, key):
    path = tmp_path / 'network.safetensors'
    save_checkpoint(Checkpoint.of(segmenter(key)), path)
    other = next(each for each in SEGMENTERS if each.split('_')[0] != key.split('_')[0])
    network = segmenter(other)
    with pytest.raises(CheckpointError, match=f'weights of {network.family.title} .* of another'):
        initialize(network, path)


@pytest.mark.parametrize(
    ('build', 'words'),
    [
        (lambda: build_classifier('unet'), "no classifier 'unet'; expected one of: rtformer_slim"),
        (lambda: build_classifier('ddrnet23_slim', 0), 'num_classes is 0'),
        (lambda: build_classifier('ddrnet23', aux_head=True), 'no option aux_head; expected'),
        (
            lambda: build_network('ddrnet23', 3, convention='mine'),
            "convention is 'mine'; exp",
        ),
        (lambda: build_network('ddrnet23', 3, base_channels=0), 'base_channels is 0'),
        (lambda: build_network('ddrnet23', 3, cross_size=3), 'no option cross_size'),
    ],
)
def test_impossible_networks_are_refused(build, words):
    with pytest.raises(ConfigError, match=words):
        build()
