# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The reference's weights become ours: whole networks, and backbones to start a training from."""

import hashlib
import os
import pickle
import re

import numpy as np
import oracle
import pytest
from rtformer_ros import __version__
from rtformer_ros.errors import CheckpointError
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.network import build_rtformer, load_checkpoint
from rtformer_ros.tools.convert import main
from rtformer_ros.training.run.initial_weights import initialize
from runs_code import RunsCode
import torch

HEADS = ('spp.', 'seghead.', 'seghead_extra.')


def write_pdparams(path, **changes):
    state = {**oracle.reference_weights('slim'), **changes}
    state = {key: value for key, value in state.items() if value is not None}
    path.write_bytes(pickle.dumps({**state, 'StructuredToParameterName@@': {}}, protocol=4))
    return path


def write_imagenet_backbone(path, **changes):
    """What the reference's ImageNet training leaves: no heads, but a classifier."""
    heads = {k: None for k in oracle.reference_weights('slim') if k.startswith(HEADS)}
    classifier = {
        'head.weight': np.zeros((256, 10), np.float32),
        'head.bias': np.zeros(10, np.float32),
    }
    return write_pdparams(path, **{**heads, **classifier, **changes})


def convert(*arguments):
    return main([str(argument) for argument in arguments])


def assert_one_line(error, words):
    [line] = error.splitlines()
    assert line.startswith('convert: ')
    assert re.search(words, line), line


def test_a_converted_network_gives_the_reference_s_output(tmp_path, capsys):
    source, target = write_pdparams(tmp_path / 'model.pdparams'), tmp_path / 'ours.safetensors'
    assert convert(source, target, '--labels', 'cityscapes', '--source', 'the paper') == 0
    assert 'slim, 19 classes, labels cityscapes' in capsys.readouterr().out
    checkpoint = load_checkpoint(target)
    assert checkpoint.labels == load_labels(find_labels('cityscapes'))
    assert checkpoint.notes == {
        'converted_from': 'model.pdparams',
        'converted_from_sha256': hashlib.sha256(source.read_bytes()).hexdigest(),
        'converter': f'rtformer_ros {__version__}',
        'source': 'the paper',
    }
    with torch.inference_mode():
        name = oracle.OUTPUT_FILES['slim']
        logits = checkpoint.build()(torch.from_numpy(oracle.images(oracle.shape_in(name))))
    golden = oracle.load(name)['logits_s8']
    assert np.abs(logits[:, :, ::8, ::8].numpy() - golden).max() <= 5e-5


def test_the_same_source_gives_the_same_file(tmp_path):
    source = write_pdparams(tmp_path / 'model.pdparams')
    for name in ('one.safetensors', 'two.safetensors'):
        assert convert(source, tmp_path / name) == 0
    one, two = (tmp_path / name for name in ('one.safetensors', 'two.safetensors'))
    assert one.read_bytes() == two.read_bytes()


def test_half_as_many_bytes_hold_nearly_the_same_weights(tmp_path):
    source = write_pdparams(tmp_path / 'model.pdparams')
    assert convert(source, tmp_path / 'full.safetensors', '--labels', 'cityscapes') == 0
    assert convert(tmp_path / 'full.safetensors', tmp_path / 'half.safetensors', '--fp16') == 0
    sizes = [(tmp_path / f'{name}.safetensors').stat().st_size for name in ('full', 'half')]
    assert sizes[1] < 0.52 * sizes[0]
    full, half = (load_checkpoint(tmp_path / f'{name}.safetensors') for name in ('full', 'half'))
    assert half.architecture == full.architecture
    assert half.labels == full.labels
    for key, tensor in full.state.items():
        exact = tensor.half().float() if tensor.ndim == 4 else tensor
        torch.testing.assert_close(half.state[key], exact, rtol=0, atol=0)
        torch.testing.assert_close(half.state[key], tensor, rtol=2**-11, atol=2**-25)


def test_a_backbone_starts_a_training_and_does_not_segment(tmp_path, capsys):
    source = write_imagenet_backbone(tmp_path / 'imagenet.pdparams')
    target = tmp_path / 'backbone.safetensors'
    assert convert(source, target, '--source', 'ImageNet') == 0
    assert 'backbone of RTFormer slim, for train --init; left out: head.bias, head.weight' in (
        capsys.readouterr().out
    )
    with pytest.raises(CheckpointError, match=r'backbone without a .*train --init'):
        load_checkpoint(target)

    network = build_rtformer('slim', 11)
    copied, fresh, _ = initialize(network, target)
    expected = {
        oracle.our_key(key): value
        for key, value in oracle.reference_weights('slim').items()
        if not key.startswith(HEADS)
    }
    assert copied == len(expected)
    assert all(key.startswith(HEADS) for key in fresh)
    state = network.state_dict()
    for key, value in expected.items():
        np.testing.assert_array_equal(state[key].numpy(), value)


def test_a_backbone_can_be_converted_again(tmp_path):
    source = write_imagenet_backbone(tmp_path / 'imagenet.pdparams')
    assert convert(source, tmp_path / 'one.safetensors', '--source', 'ImageNet') == 0
    assert convert(tmp_path / 'one.safetensors', tmp_path / 'two.safetensors', '--fp16') == 0
    assert initialize(build_rtformer('slim', 2), tmp_path / 'two.safetensors')[0] > 100


@pytest.mark.parametrize(
    ('changes', 'options', 'words'),
    [
        (
            {'layer5.attn_h.norm.bias': None},
            (),
            r"backbone of .* lacks 'layer5\.attn_h\.norm\.bias'",
        ),
        ({'conv1.0.bias': np.zeros(5, np.float32)}, (), r"'conv1.0.bias' has the shape \[5\]"),
        ({'conv1.0.bias': np.full(32, np.inf, np.float32)}, (), 'holds NaN or infinity'),
        ({}, ('--labels', 'cityscapes'), 'leave these options out'),
        ({}, ('--cross-size', '8'), 'leave these options out'),
    ],
)
def test_backbones_that_cannot_be_used_are_refused(tmp_path, capsys, changes, options, words):
    source = write_imagenet_backbone(tmp_path / 'imagenet.pdparams', **changes)
    assert convert(source, tmp_path / 'out.safetensors', *options) == 1
    assert_one_line(capsys.readouterr().err, f'{re.escape(str(source))}: .*{words}')
    assert not (tmp_path / 'out.safetensors').exists()


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--labels', 'camvid'), "label set 'camvid' has 11 classes, but .* tells 19 apart"),
        (('--labels', 'none'), "no label file 'none'"),
        (('--cross-size', '0'), 'cross_size is 0'),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, capsys, options, words):
    source = write_pdparams(tmp_path / 'model.pdparams')
    assert convert(source, tmp_path / 'out.safetensors', *options) == 1
    assert_one_line(capsys.readouterr().err, words)
    assert not (tmp_path / 'out.safetensors').exists()


def test_weights_that_fp16_cannot_hold_are_refused(tmp_path, capsys):
    big = np.full((19, 128, 1, 1), 1e5, np.float32)
    source = write_pdparams(tmp_path / 'model.pdparams', **{'seghead.conv2.weight': big})
    assert convert(source, tmp_path / 'out.safetensors', '--fp16') == 1
    assert_one_line(capsys.readouterr().err, r"'seghead\.conv2\.weight' holds numbers too large")
    assert convert(source, tmp_path / 'out.safetensors') == 0


def cut_short(path):
    write_pdparams(path)
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ('name', 'make', 'words'),
    [
        (
            'hostile.pdparams',
            lambda p: write_pdparams(p, extra=RunsCode(os.system, 'touch proof')),
            "asks for 'posix.system'",
        ),
        ('cut.pdparams', cut_short, 'cut short'),
        ('empty.pdparams', lambda p: p.write_bytes(b''), 'cut short'),
        ('zip.pdparams', lambda p: p.write_bytes(b'PK\x03\x04'), 'zip archive'),
        ('none.pdparams', lambda p: None, 'none.pdparams'),
        ('folder.pdparams', lambda p: p.mkdir(), 'folder.pdparams'),
        ('folder', lambda p: p.mkdir(), 'folder is a folder; expected a file of weights'),
        ('none', lambda p: None, 'none does not exist; expected a file of weights'),
        ('other.bin', lambda p: p.write_bytes(b'12'), "suffix '.bin'"),
        (
            'other.pdparams',
            lambda p: p.write_bytes(pickle.dumps({'a': np.zeros(3)})),
            'no RTFormer',
        ),
        ('text.safetensors', lambda p: p.write_text('text'), 'no safetensors file'),
    ],
)
def test_files_that_are_no_weights_give_one_line(tmp_path, monkeypatch, capsys, name, make, words):
    make(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert convert(name, 'out.safetensors') == 1
    assert_one_line(capsys.readouterr().err, words)
    assert [path.name for path in tmp_path.iterdir() if path.name != name] == []


def test_the_file_to_convert_is_not_written_over(tmp_path, monkeypatch, capsys):
    assert convert(write_pdparams(tmp_path / 'model.pdparams'), tmp_path / 'm.safetensors') == 0
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / 'm.safetensors').read_bytes()
    assert convert('m.safetensors', tmp_path / 'm.safetensors', '--fp16') == 1
    assert_one_line(capsys.readouterr().err, 'm.safetensors is the file to convert itself; choose')
    assert (tmp_path / 'm.safetensors').read_bytes() == before


def test_another_suffix_is_refused(tmp_path, capsys):
    source = write_pdparams(tmp_path / 'model.pdparams')
    assert convert(source, tmp_path / 'out.onnx') == 1
    assert_one_line(capsys.readouterr().err, 'written as .safetensors')
