# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hold the calls of cudart.py to the real cuda-python's signatures, one process a version."""

import os
from pathlib import Path
import re
import subprocess
import sys

from cuda_python_harness import PATHFINDER, WHEELS
import pytest
from tensorrt_wheels import BindingsMissing, unpacked

CONTRACT = Path(__file__).parent
HARNESS = CONTRACT / 'cuda_python_harness'


@pytest.mark.parametrize('version', WHEELS)
def test_every_call_is_one_that_the_version_has(version, repository, tmp_path):
    try:
        wheels = [unpacked(WHEELS[version]), unpacked(PATHFINDER)]
    except BindingsMissing as error:
        pytest.skip(f'cuda-python {version} was not checked: {error}')
    # Parts of one package `cuda`, as pip would install them.
    for wheel in wheels:
        for part in (wheel / 'cuda').iterdir():
            (tmp_path / 'cuda').mkdir(exist_ok=True)
            (tmp_path / 'cuda' / part.name).symlink_to(part)
    options = ['-q', '-p', 'no:cacheprovider', '-o', 'python_files=check_*.py']
    path = os.pathsep.join(map(str, [tmp_path, repository]))
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', *options, f'--confcutdir={HARNESS}', str(HARNESS)],
        cwd=repository,
        env={**os.environ, 'PYTHONPATH': path, 'CUDA_PYTHON': version},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    summary = done.stdout.splitlines()[-1]
    assert re.fullmatch(r'\d+ passed(, \d+ warnings?)? in .*', summary), done.stdout
