# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Weights are read from our files and PaddleSeg's, and nothing else is."""

import codecs
import collections
import json
import os
import pickle
import struct

import numpy as np
import oracle
import pytest
from rtformer_ros.errors import CheckpointError, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import (
    build_classifier,
    build_from_checkpoint,
    build_rtformer,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from runs_code import RunsCode
import safetensors.torch
import torch

TINY = {'base_channels': 8, 'head_channels': 8}


def paddle_state(variant, **changes):
    """What paddle.save writes for a network of the reference."""
    names = {key: f'parameter_{i}' for i, key in enumerate(oracle.reference_weights(variant))}
    return {
        **oracle.reference_weights(variant),
        **changes,
        'StructuredToParameterName@@': names,
    }


def write_pickle(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def assert_golden(network, variant='slim'):
    name = oracle.OUTPUT_FILES[variant]
    with torch.inference_mode():
        logits = network(torch.from_numpy(oracle.images(oracle.shape_in(name))))
    golden = oracle.load(name)
    assert np.abs(logits[:, :, ::8, ::8].numpy() - golden['logits_s8']).max() <= 5e-5


@pytest.fixture
def tiny_checkpoint():
    network = build_rtformer('slim', 3, cross_size=5, injection=(True, False), **TINY)
    return Checkpoint.of(network, labels=LabelSet.generic(3), notes={'note': 'tiny'})


@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_paddleseg_weights_give_the_golden_output(tmp_path, protocol):
    path = write_pickle(tmp_path / 'slim.pdparams', paddle_state('slim'), protocol)
    checkpoint = load_checkpoint(path)
    assert (checkpoint.variant, checkpoint.num_classes) == ('slim', 19)
    assert checkpoint.architecture.cross_size == 12
    assert checkpoint.architecture.injection == (True, True)
    assert checkpoint.architecture.aux_head is True
    assert checkpoint.labels is None
    assert_golden(build_from_checkpoint(path))


def test_base_network_is_recognised_and_converts_to_our_format(tmp_path):
    path = write_pickle(tmp_path / 'base.pdparams', paddle_state('base'))
    checkpoint = load_checkpoint(path)
    assert (checkpoint.variant, checkpoint.architecture.injection) == ('base', (True, False))
    save_checkpoint(checkpoint, tmp_path / 'base.safetensors')
    assert_golden(build_from_checkpoint(tmp_path / 'base.safetensors'), 'base')


def test_pairs_of_name_and_array_are_read(tmp_path):
    state = {key: (key, value) for key, value in oracle.reference_weights('slim').items()}
    path = write_pickle(tmp_path / 'pairs.pdparams', collections.OrderedDict(state))
    assert_golden(build_from_checkpoint(path))


@pytest.mark.parametrize(
    'wrapped',
    [
        lambda state: {'state_dict': state, 'epoch': 3},
        lambda state: {'model': {'state_dict': state}},
        lambda state: {'state_dict': {'model': state}},
        lambda state: {f'module.{key}': value for key, value in state.items()},
        lambda state: {'model': {f'module.{key}': value for key, value in state.items()}},
    ],
)
def test_weights_inside_something_else_are_read(tmp_path, wrapped):
    state = oracle.reference_weights('slim')
    network = build_from_checkpoint(write_pickle(tmp_path / 'a.pdparams', wrapped(state)))
    assert_golden(network)


@pytest.mark.parametrize('prefix', ['module.', 'model.', 'model.module.', 'state_dict.model.'])
def test_prefixes_that_all_names_have_are_left_out(tmp_path, prefix):
    plain = load_checkpoint(write_pickle(tmp_path / 'slim.pdparams', paddle_state('slim')))
    path = tmp_path / 'prefixed.safetensors'
    safetensors.torch.save_file({f'{prefix}{k}': v for k, v in plain.state.items()}, path)
    assert load_checkpoint(path).state.keys() == plain.state.keys()


def test_names_of_numpy_2_are_read(tmp_path):
    content = pickle.dumps(paddle_state('slim'), protocol=2)
    renamed = content.replace(b'numpy.core.multiarray', b'numpy._core.multiarray')
    path = tmp_path / 'numpy2.pdparams'
    path.write_bytes(renamed)
    assert_golden(build_from_checkpoint(path))


@pytest.mark.parametrize('order', ['C', 'F'])
def test_arrays_in_any_memory_order_and_float_width_are_read(tmp_path, order):
    key = 'layer1.0.conv1.weight'
    array = np.asarray(oracle.reference_weights('slim')[key], dtype='>f8', order=order)
    path = write_pickle(tmp_path / 'order.pdparams', paddle_state('slim', **{key: array}))
    np.testing.assert_array_equal(load_checkpoint(path).state[key].numpy(), array.astype('<f4'))


def test_bfloat16_is_widened(tmp_path):
    key = 'layer1.0.conv1.weight'
    values = oracle.reference_weights('slim')[key]
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    path = write_pickle(tmp_path / 'bf16.pdparams', paddle_state('slim', **{key: bits}))
    came = load_checkpoint(path).state[key].numpy()
    np.testing.assert_allclose(came, values, rtol=2**-7)
    assert not np.any(came.view(np.uint32) & 0xFFFF)


def test_arrays_split_over_several_keys_are_joined(tmp_path):
    key = 'layer4.mlp_l.conv1.weight'
    state = paddle_state('slim')
    whole = state.pop(key)
    parts = [f'{key}@@.{i}' for i in range(3)]
    state.update(zip(parts, np.array_split(whole.flatten(), 3), strict=True))
    state['UnpackBigParamInfor@@'] = {key: {'OriginShape': whole.shape, 'slices': parts}}
    path = write_pickle(tmp_path / 'split.pdparams', state, protocol=2)
    np.testing.assert_array_equal(load_checkpoint(path).state[key].numpy(), whole)
    del state[parts[1]]
    with pytest.raises(CheckpointError, match='UnpackBigParamInfor@@'):
        load_checkpoint(write_pickle(tmp_path / 'lost.pdparams', state, protocol=2))


@pytest.mark.parametrize(
    ('function', 'argument', 'name'),
    [
        (os.system, 'touch {}', 'system'),
        (eval, "open('{}', 'w')", 'eval'),
        (np.load, '{}', 'numpy.load'),
        (torch.load, '{}', 'torch'),
    ],
)
def test_pickles_that_would_run_code_are_refused(tmp_path, function, argument, name):
    proof = tmp_path / 'proof'
    hostile = RunsCode(function, argument.format(proof))
    path = write_pickle(tmp_path / 'hostile.pdparams', paddle_state('slim', extra=hostile))
    with pytest.raises(CheckpointError, match=rf"asks for '.*{name}.*'"):
        load_checkpoint(path)
    assert not proof.exists()


def test_object_arrays_are_refused(tmp_path):
    path = tmp_path / 'object.pdparams'
    write_pickle(path, paddle_state('slim', extra=np.array([{}], dtype=object)))
    with pytest.raises(CheckpointError, match="dtype 'O8'"):
        load_checkpoint(path)


def test_codecs_that_could_unfold_much_from_little_are_refused(tmp_path):
    hostile = RunsCode(codecs.encode, 'text', 'rot13')
    path = write_pickle(tmp_path / 'codec.pdparams', paddle_state('slim', extra=hostile))
    with pytest.raises(CheckpointError, match="encoding 'rot13'"):
        load_checkpoint(path)


@pytest.mark.parametrize('share', [0.0, 0.00001, 0.3, 0.999999])
@pytest.mark.parametrize('suffix', ['.pdparams', '.safetensors'])
def test_truncated_files_are_refused(tmp_path, tiny_checkpoint, suffix, share):
    path = tmp_path / f'cut{suffix}'
    if suffix == '.pdparams':
        write_pickle(path, paddle_state('slim'))
    else:
        save_checkpoint(tiny_checkpoint, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r'cut\.\w+ is .*cut short'):
        load_checkpoint(path)


@pytest.mark.parametrize('seed', range(30))
def test_damaged_pickles_raise_nothing_but_checkpoint_errors(tmp_path, seed):
    arrays = {f'key{i}': np.arange(4, dtype=np.float32) for i in range(3)}
    content = bytearray(pickle.dumps(arrays, protocol=2))
    random = np.random.default_rng(seed)
    for place in random.integers(0, len(content), 4):
        content[place] = random.integers(0, 256)
    (tmp_path / 'damaged.pdparams').write_bytes(content)
    with pytest.raises(CheckpointError, match='damaged'):
        load_checkpoint(tmp_path / 'damaged.pdparams')


@pytest.mark.parametrize('suffix', ['.pdparams', '.safetensors', '.pt', '.onnx', ''])
def test_pytorch_files_are_refused_under_any_name(tmp_path, suffix):
    path = tmp_path / f'weights{suffix}'
    torch.save({'conv1.0.weight': torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match='weights'):
        load_checkpoint(path)


@pytest.mark.parametrize('name', ['none.pdparams', 'none.safetensors'])
def test_missing_files_are_named(tmp_path, name):
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize(
    ('changes', 'removed', 'words'),
    [
        ({}, 'conv1.0.weight', r"lacks 'conv1\.0\.weight'"),
        ({}, 'seghead.bn1._mean', r"lacks 'seghead\.bn1\.running_mean' and has besides nothing"),
        ({'more': np.zeros(3, np.float32)}, None, "has besides 'more'"),
        (
            {'layer3.0.conv1.weight': np.zeros((5, 4), np.float32)},
            None,
            r"'layer3\.0\.conv1\.weight' has the shape \[5, 4\]; expected \[128, 64, 3, 3\]",
        ),
        ({'conv1.0.weight': np.zeros((48, 3, 3, 3), np.float32)}, None, r'48 channels; .* 64'),
        ({'conv1.0.weight': np.zeros(48, np.float32)}, None, r'shape \[48\]'),
        ({'conv1.0.bias': np.full(32, np.nan, np.float32)}, None, r"'conv1\.0\.bias' holds NaN"),
        ({'conv1.0.bias': np.zeros(32, np.int64)}, None, r"'conv1\.0\.bias' holds int64"),
        ({'conv1.0.bias': 'text'}, None, r"'conv1\.0\.bias' holds a str"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, changes, removed, words):
    state = paddle_state('slim', **changes)
    state.pop(removed, None)
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(write_pickle(tmp_path / 'foreign.pdparams', state))


def test_a_pickle_of_something_else_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='holds a list; expected a dict'):
        load_checkpoint(write_pickle(tmp_path / 'list.pdparams', [1, 2]))


def test_our_files_keep_everything(tmp_path, tiny_checkpoint):
    path = tmp_path / 'new folder' / 'tiny.safetensors'
    save_checkpoint(tiny_checkpoint, path)
    came = load_checkpoint(path)
    assert came.architecture == tiny_checkpoint.architecture
    assert came.architecture.cross_size == 5
    assert came.labels == tiny_checkpoint.labels
    assert came.notes == {'note': 'tiny'}
    assert came.state.keys() == tiny_checkpoint.state.keys()
    for key, tensor in came.state.items():
        torch.testing.assert_close(tensor, tiny_checkpoint.state[key], rtol=0, atol=0)
    assert not came.build().training


def test_saving_leaves_no_other_file_and_no_half_file(tmp_path, tiny_checkpoint):
    path = tmp_path / 'tiny.safetensors'
    save_checkpoint(tiny_checkpoint, path)
    before = path.read_bytes()
    save_checkpoint(tiny_checkpoint, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['tiny.safetensors']
    (tmp_path / 'folder.safetensors').mkdir()
    with pytest.raises(ModelError, match=r'folder\.safetensors'):
        save_checkpoint(tiny_checkpoint, tmp_path / 'folder.safetensors')
    with pytest.raises(CheckpointError, match='choose that suffix'):
        save_checkpoint(tiny_checkpoint, tmp_path / 'tiny.pt')
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        'folder.safetensors',
        'tiny.safetensors',
    ]


def test_a_checkpoint_is_a_copy_of_its_network(tiny_checkpoint):
    network = tiny_checkpoint.build()
    copy = Checkpoint.of(network)
    torch.nn.init.zeros_(network.conv1[0].weight)
    assert bool(copy.state['conv1.0.weight'].any())


def test_names_of_more_classes_than_a_mask_can_hold_are_kept(tmp_path):
    names = tuple(f'n{number:08}' for number in range(1000))
    network = build_classifier('ddrnet23_slim', 1000, base_channels=8, last_channels=8)
    path = tmp_path / 'w.safetensors'
    for class_names in (names, names[1:], (*names[1:], 3)):
        save_checkpoint(Checkpoint.of(network, class_names=class_names), path)
        if class_names == names:
            assert load_checkpoint(path, task='classification').class_names == names
            continue
        with pytest.raises(CheckpointError, match='class_names are no list of 1000 texts'):
            load_checkpoint(path, task='classification')


def test_cross_size_is_inferred_or_given(tmp_path):
    network = build_rtformer('slim', 150, injection=(True, False), cross_size=8)
    path = tmp_path / 'ade20k.safetensors'
    safetensors.torch.save_file(Checkpoint.of(network).state, path)
    assert load_checkpoint(path).architecture.cross_size == 8
    assert load_checkpoint(path, cross_size=10).architecture.cross_size == 10
    with pytest.raises(CheckpointError, match='cross_size is 0'):
        load_checkpoint(path, cross_size=0)


def described(header, **changes):
    return {**header, 'architecture': {**header['architecture'], **changes}}


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda header: '{', 'no JSON'),
        (lambda header: '[]', 'no JSON object'),
        (lambda header: {**header, 'notes': 3}, "object 'notes'"),
        (
            lambda header: {**header, 'architecture': {'injection': [True, True]}},
            'no network that',
        ),
        (lambda header: {**header, 'architecture': {'injection': 3}}, 'describes no network'),
        (lambda header: {**header, 'architecture': 'slim'}, 'describes no network'),
        (lambda header: {**header, 'labels': LabelSet.generic(4).to_dict()}, '4 classes.* has 3'),
        (lambda header: {**header, 'labels': {'classes': [1]}}, 'class 0'),
        (lambda header: described(header, num_classes=10**18), 'a whole number, 1 to 65536'),
        (lambda header: described(header, base_channels=8 * 10**60), 'a whole number, 1 to 65536'),
        (lambda header: described(header, head_channels=10**15), 'a whole number, 1 to 65536'),
        (lambda header: described(header, cross_size=10**6), 'a whole number, 1 to 128'),
        (lambda header: described(header, variant={'a': 1}), 'describes no network'),
        (lambda header: {**header, 'family': 'x' * 10**5}, r"family 'x+\.\.\.; this version has"),
    ],
)
def test_broken_headers_are_refused(tmp_path, tiny_checkpoint, change, words):
    path = tmp_path / 'header.safetensors'
    save_checkpoint(tiny_checkpoint, path)
    content = path.read_bytes()
    (length,) = struct.unpack('<Q', content[:8])
    outer = json.loads(content[8 : 8 + length])
    header = change(json.loads(outer['__metadata__']['rtformer_ros']))
    text = header if isinstance(header, str) else json.dumps(header)
    changed = json.dumps({**outer, '__metadata__': {'rtformer_ros': text}}).encode()
    path.write_bytes(struct.pack('<Q', len(changed)) + changed + content[8 + length :])
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)
