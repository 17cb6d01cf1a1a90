# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Drive the code that calls TensorRT against the real bindings of each version, a process each.

What is checked lies in tensorrt_harness/checks; the wheels (1 MB each) are downloaded once.
"""

from dataclasses import replace
import os
from pathlib import Path
import re
import subprocess
import sys

import pytest
from tensorrt_harness.empty_libraries import make_empty_libraries
from tensorrt_harness.real_module import prepare
from tensorrt_wheels import BindingsMissing, unpacked, WHEELS

HARNESS = Path(__file__).parent / 'tensorrt_harness'
NEWEST = WHEELS['11.4.0']


@pytest.mark.parametrize('version', WHEELS)
def test_every_call_is_one_that_the_version_has(version, repository):
    try:
        prepare(WHEELS[version])
    except BindingsMissing as error:
        pytest.skip(f'TensorRT {version} was not checked: {error}')
    options = ['-q', '-o', 'python_files=check_*.py', '-p', 'no:cacheprovider']
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', *options, f'--confcutdir={HARNESS}', str(HARNESS)],
        cwd=repository,
        env={**os.environ, 'TENSORRT_BINDINGS': version, 'PYTHONPATH': str(repository)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    summary = done.stdout.splitlines()[-1]
    assert re.fullmatch(r'\d+ passed in .*', summary), done.stdout


def test_offline_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.delenv('PIP_FIND_LINKS', raising=False)
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
    anywhere = replace(NEWEST, first_minor=0, last_minor=99, machines=(os.uname().machine,))
    with pytest.raises(BindingsMissing) as caught:
        unpacked(anywhere)
    assert str(caught.value) == (
        'pip could not download tensorrt-cu13-bindings==11.4.0.106 (offline?): '
        'ERROR: No matching distribution found for tensorrt-cu13-bindings==11.4.0.106'
    )
    assert list((tmp_path / 'tensorrt_bindings').iterdir()) == []


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'last_minor': 9}, r'no wheel for CPython 3\.\d+, only for 3\.8 to 3\.9'),
        ({'machines': ('s390x',)}, r'no wheel for linux on \w+, only for Linux on s390x'),
    ],
)
def test_a_platform_without_wheels_is_named(changes, reason):
    with pytest.raises(BindingsMissing, match=rf'cu13-bindings 11\.4\.0\.106 has {reason}'):
        unpacked(replace(NEWEST, **changes))


def test_a_missing_compiler_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(BindingsMissing, match='gcc is missing: sudo apt-get install build-essent'):
        make_empty_libraries(tmp_path / 'tensorrt.so')
