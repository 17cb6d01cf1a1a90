# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What pip would install on a Jetson, worked out here for its processor and its Pythons."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize('python', ['3.10', '3.12'])
def test_requirements_have_wheels_for_aarch64(python, repository, tmp_path):
    report = tmp_path / 'report.json'
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--no-input', 'install']
    options = ['--dry-run', '--ignore-installed', '--quiet', '--only-binary=:all:', '--retries=1']
    platforms = [f'--platform=manylinux_{glibc}_aarch64' for glibc in ('2_17', '2_28')]
    platforms.append('--platform=manylinux2014_aarch64')
    target = ['--target', str(tmp_path / 'none'), '--python-version', python, *platforms]
    requirements = ['--report', str(report), '-r', 'requirements/jetson.txt']
    done = subprocess.run(
        [*pip, *options, *target, *requirements],
        cwd=repository,
        env={**os.environ, 'PIP_REQUIRE_VIRTUALENV': '0'},
        capture_output=True,
        text=True,
        check=False,
    )
    is_offline = 'NewConnectionError' in done.stderr or 'PIP_NO_INDEX' in os.environ
    if done.returncode and is_offline:
        pytest.skip(f'offline: requirements/jetson.txt was not resolved for Python {python}')
    assert done.returncode == 0, done.stderr
    installed = json.loads(report.read_text())['install']
    versions = {
        each['metadata']['name'].lower(): each['metadata']['version'] for each in installed
    }
    assert {'numpy', 'onnx', 'onnxruntime'} <= set(versions)
    assert int(versions['numpy'].partition('.')[0]) < 2
    assert not {'torch', 'cuda-python', 'tensorrt'} & set(versions)
