# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's files of weights are read as torch.load reads them, and nothing in them is run."""

from contextlib import suppress
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.weights.weights_file import read_weights
from runs_code import RunsCode
import torch


def tensors():
    torch.manual_seed(1)
    whole = torch.randn(6, 8)
    return {
        'plain': torch.randn(3, 4, 5),
        'scalar': torch.tensor(2.5),
        'empty': torch.zeros(0, 3),
        'transposed': whole.t(),
        'view': whole[1:4, 2:7:2],
        'half': torch.randn(7).half(),
        'bfloat16': torch.randn(2, 3).bfloat16(),
        'double': torch.randn(4).double(),
        'channels_last': torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        'bn.num_batches_tracked': torch.tensor(3),
    }


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.pth.tar'])
def test_tensors_are_those_that_torch_reads(tmp_path, is_zip, suffix):
    path = tmp_path / f'weights{suffix}'
    torch.save(tensors(), path, _use_new_zipfile_serialization=is_zip)
    came = read_weights(path).state
    expected = tensors()
    del expected['bn.num_batches_tracked']
    assert list(came) == list(expected)
    for key, tensor in came.items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, expected[key].float(), rtol=0, atol=0)


@pytest.mark.parametrize('is_zip', [True, False])
def test_modules_and_parameters_are_read(tmp_path, is_zip):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    # Parameters, and an OrderedDict with attributes of its own.
    state = network.state_dict(keep_vars=True)
    torch.save({'model': state, 'epoch': 3, 'args': [1.5, None, True]}, tmp_path / 'a.pth',
               _use_new_zipfile_serialization=is_zip)  # fmt: skip
    came = read_weights(tmp_path / 'a.pth').state
    for key, tensor in came.items():
        torch.testing.assert_close(tensor, state[key].detach(), rtol=0, atol=0)
    assert len(came) == len(state) - 1


@pytest.mark.parametrize('is_zip', [True, False])
def test_code_is_not_run(tmp_path, is_zip):
    proof = tmp_path / 'proof'
    hostile = {'w': RunsCode(os.system, f'touch {proof}')}
    torch.save(hostile, tmp_path / 'a.pth', _use_new_zipfile_serialization=is_zip)
    with pytest.raises(CheckpointError, match=r"a\.pth .*asks for '.*system'.*expected tensors"):
        read_weights(tmp_path / 'a.pth')
    assert not proof.exists()


def zip_of(program, storages, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', **options) as archive:
        archive.writestr('archive/data.pkl', program)
        for key, content in storages.items():
            archive.writestr(f'archive/data/{key}', content)
    return stream.getvalue()


class Rebuilt:
    """What torch.save calls to make a tensor of a storage, with arguments of one's choosing."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, self.arguments


class Named(tuple):
    """The identifier of a storage."""


def program(*views, identifier=('storage', torch.FloatStorage, '0', 'cpu', 4)):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return tuple(value) if isinstance(value, Named) else None

    stream = io.BytesIO()
    state = {f'w{i}': Rebuilt(Named(identifier), *view, False, {}) for i, view in enumerate(views)}
    Pickler(stream, 2).dump(state)
    return stream.getvalue()


FOUR = np.arange(4, dtype=np.float32).tobytes()
GOOD = (0, (2, 2), (2, 1))


def test_the_programs_of_these_tests_are_of_the_right_form(tmp_path):
    (tmp_path / 'a.pth').write_bytes(zip_of(program(GOOD), {'0': FOUR}))
    [tensor] = read_weights(tmp_path / 'a.pth').state.values()
    assert tensor.tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (zip_of(program((1, (2, 2), (2, 1))), {'0': FOUR}), 'beyond its storage'),
        (zip_of(program((0, (5,), (1,))), {'0': FOUR}), 'beyond its storage'),
        (zip_of(program((-1, (2,), (1,))), {'0': FOUR}), 'no storage'),
        (zip_of(program((0, (2,), (-1,))), {'0': FOUR}), 'no shape or strides'),
        (zip_of(program((0, (2,), (1, 1))), {'0': FOUR}), 'do not fit'),
        (zip_of(program((0, (1 << 62,), (0,))), {'0': FOUR}), 'would take'),
        (zip_of(program(*[(0, (1 << 18,), (0,))] * 9), {'0': FOUR}), 'would take'),
        (zip_of(program(GOOD), {'0': FOUR[:-1]}), 'cut short'),
        (zip_of(program(GOOD), {'1': FOUR}), 'cut short'),
        (zip_of(program(GOOD), {'0': FOUR}, compression=zipfile.ZIP_DEFLATED), 'compressed'),
        (zip_of(program(GOOD, identifier=('storage', 3, '0', 'cpu', 4)), {}), 'no type'),
        (zip_of(program(GOOD, identifier=('module', 3, '0', 'cpu', 4)), {}), 'no storage'),
        (zip_of(pickle.dumps({'w': 3}, 2), {}), "'w' holds a int"),
        (zip_of(pickle.dumps([1], 2), {}), 'holds a list; expected a dict'),
        (zip_of(b'', {}), 'cut short'),
        (b'PK\x03\x04', 'cut short'),
        (b'PK\x03\x04' + b'PK\x01\x02' * 10_001, 'more than 10000 files'),
        (b'', 'cut short'),
        (pickle.dumps({'w': 3}, 2), 'cut short'),
        (pickle.dumps(3, 2) * 5, 'magic number'),
    ],
    # Not the bytes, which hold the time: processes that share the tests would know other ones.
    ids=lambda value: value if isinstance(value, str) else 'file',
)  # fmt: skip
def test_broken_files_are_refused_in_one_sentence(tmp_path, content, words):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as refusal:
        read_weights(tmp_path / 'a.pth')
    assert str(tmp_path / 'a.pth') in str(refusal.value)


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('seed', range(10))
def test_damaged_files_raise_nothing_but_checkpoint_errors(tmp_path, is_zip, seed):
    stream = io.BytesIO()
    torch.save(tensors(), stream, _use_new_zipfile_serialization=is_zip)
    content = bytearray(stream.getvalue())
    random = np.random.default_rng(seed)
    path = tmp_path / 'a.pth'
    for _ in range(20):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged[: int(random.integers(1, len(content) + 1))])
        with suppress(CheckpointError):
            read_weights(path)
