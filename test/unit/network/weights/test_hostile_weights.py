# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Loading weights takes at most four times the memory of the file and 64 MiB, whatever it is."""

from contextlib import suppress
import json
import pickle

from limited_process import run_limited
import numpy as np
import pytest
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.weights.paddleseg import read_pdparams

MOST_CHARACTERS = 500


def hostile_files(suffix):
    """Return the files by name. Importing makes them, which collecting tests need not wait for."""
    from hostile_torch import TORCH_FILES
    from hostile_weights import PICKLES, SAFETENSORS

    return {'.pdparams': PICKLES, '.safetensors': SAFETENSORS, '.pth': TORCH_FILES}[suffix]


def answers_of(paths):
    return json.loads(run_limited('load_hostile_weights', *paths))


@pytest.mark.parametrize('suffix', ['.pdparams', '.safetensors', '.pth'])
def test_what_would_unfold_is_refused_within_the_limits(tmp_path, suffix):
    paths, files = [], hostile_files(suffix)
    for name, content in files.items():
        paths.append(tmp_path / f'{name}{suffix}')
        paths[-1].write_bytes(content)
    answers = answers_of(paths)
    assert len(answers) == len(files)
    # The place where a program puts something aside costs nothing.
    assert answers.pop(str(tmp_path / 'index.pdparams'), '0 tensors') == '0 tensors'
    for path, answer in answers.items():
        assert answer.startswith(path), f'{path}: {answer}'
        assert len(answer) < MOST_CHARACTERS + len(path)
        assert answer.isprintable()


def test_good_files_are_read_within_the_limits(tmp_path):
    from hostile_torch import whole_torch_files
    from hostile_weights import whole_weights

    paths = [*whole_weights(tmp_path), *whole_torch_files(tmp_path)]
    assert answers_of(paths) == {str(path): '3 tensors' for path in paths}


def test_programs_are_read_as_python_reads_them(tmp_path):
    """Nothing is refused that Python's own module writes for plain data and arrays."""
    state = {
        f'{kind}.{order}': np.asarray(np.arange(24).reshape(2, 3, 4), kind, order=order)
        for kind in ('<f2', '<f4', '<f8', '>f4')
        for order in 'CF'
    }
    state['scalar'] = np.array(3.0)
    for protocol in (2, 3, 4):
        path = tmp_path / f'{protocol}.pdparams'
        path.write_bytes(pickle.dumps(state, protocol=protocol))
        read = read_pdparams(path)
        assert list(read) == list(state)
        for key, tensor in read.items():
            np.testing.assert_array_equal(tensor.numpy(), state[key].astype(np.float32))


@pytest.mark.parametrize('seed', range(20))
def test_damaged_programs_raise_nothing_but_checkpoint_errors(tmp_path, seed):
    generator = np.random.default_rng(seed)
    path = tmp_path / 'damaged.pdparams'
    for content in hostile_files('.pdparams').values():
        if len(content) > 10_000:
            continue
        damaged = bytearray(content)
        for place in generator.integers(0, len(damaged), 3):
            damaged[place] = generator.integers(0, 256)
        path.write_bytes(damaged)
        with suppress(CheckpointError):
            read_pdparams(path)
