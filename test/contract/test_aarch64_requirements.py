# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What pip would install on an ARM board, worked out here for its processor and its Pythons."""

import os
import re

from aarch64_requirements import ELSEWHERE, FILES, PYTHONS, ResolutionError, resolve
import pytest


def resolved(files, python):
    """Return what comes; skips where there is no network."""
    try:
        return resolve(files, python)
    except ResolutionError as error:
        if 'NewConnectionError' in str(error) or 'PIP_NO_INDEX' in os.environ:
            pytest.skip(f'offline: requirements were not resolved for Python {python}')
        raise


def pins(text):
    """Return (name, version) of what is pinned on every Python, as pip spells names."""
    pinned = re.findall(r'^([\w-]+)==([\w.]+)$', text, re.MULTILINE)
    return {(name.lower(), version) for name, version in pinned}


def test_each_file_is_resolved_or_left_out_for_a_reason(repository):
    names = {path.stem for path in repository.glob('requirements/*.txt')}
    assert names == {*FILES, *ELSEWHERE}


@pytest.mark.parametrize('python', PYTHONS)
def test_requirements_have_wheels_for_aarch64(python, repository):
    versions = resolved(FILES, python)
    texts = [(repository / 'requirements' / f'{name}.txt').read_text() for name in FILES]
    pinned = set().union(*map(pins, texts))
    assert len(pinned) > 10
    assert pinned - set(versions.items()) == set()
    assert {'numpy', 'onnx', 'onnxruntime'} <= set(versions)
    assert int(versions['numpy'].partition('.')[0]) < 2
    assert not {'torch', 'cuda-python', 'tensorrt'} & set(versions)
