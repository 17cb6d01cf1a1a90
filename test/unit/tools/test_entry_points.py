# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every command of the package answers --help, whatever optional library is missing."""

from pathlib import Path
import re
import subprocess
import sys

import pytest
from rtformer_ros.processes.executables import PROGRAMS, TOOLS

REPOSITORY = Path(__file__).resolve().parents[3]
ENTRY_POINTS = list(TOOLS.items())
SETUP = (REPOSITORY / 'setup.py').read_text()
OPTIONAL = ('torch', 'onnx', 'onnxruntime', 'tensorrt', 'av', 'rosbags', 'ray', 'rclpy')
CODE = f"""
import importlib, sys
for library in {OPTIONAL}:
    sys.modules[library] = None
module = sys.argv.pop(1)
importlib.import_module(module).main()
"""


def test_all_executables_are_installed():
    assert set(TOOLS) | set(PROGRAMS) == set(
        re.findall(r"'(\w+) = rtformer_ros.processes.executables:main'", SETUP)
    )


@pytest.mark.parametrize(('name', 'module'), ENTRY_POINTS)
def test_a_tool_tells_its_use_without_optional_libraries(name, module):
    done = subprocess.run(
        [sys.executable, '-c', CODE, module, '--help'],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'usage: {name} ')


@pytest.mark.parametrize('module', [module for _, module in ENTRY_POINTS])
def test_a_tool_is_run_by_its_module(module):
    command = [sys.executable, '-m', module.removesuffix('.__main__'), '--help']
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('usage: ')
