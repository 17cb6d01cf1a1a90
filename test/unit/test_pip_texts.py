# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What messages and documents say to install leaves ROS 2's NumPy alone."""

import re
import sys

import pytest
from rtformer_ros import errors
from rtformer_ros.errors import pip_install
from rtformer_ros.tools.command_line import run_tool

# What asks pip for a NumPy, or for a newer one than Ubuntu 22.04 has.
NUMPY_USERS = (
    'matplotlib|onnx|onnxruntime|onnxruntime-gpu|opencv-python-headless|openvino|pycocotools|'
    'rosbags|torch'
)
COMMAND = re.compile(rf'pip install (?!-|--)[^`\n]*?\b({NUMPY_USERS})\b')


def test_a_command_keeps_numpy_and_names_projects_and_the_venv(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 10, 12))
    assert pip_install('onnx', 'cv2') == (
        "python3 -m pip install 'numpy<2' onnx opencv-python-headless (on Ubuntu 24.04 in a venv "
        'with --system-site-packages)'
    )
    monkeypatch.setattr(sys, 'version_info', (3, 13, 0))
    assert 'numpy' not in pip_install('onnx')


def test_a_tool_without_its_library_says_what_to_type(capsys):
    def work():
        raise ModuleNotFoundError("No module named 'yaml'", name='yaml')

    assert run_tool('a tool', work) == 1
    assert capsys.readouterr().err == f'a tool: needs yaml: {pip_install("yaml")}\n'


def test_no_text_lets_pip_choose_numpy(repository):
    paths = [
        *repository.glob('*.md'),
        *repository.glob('docs/**/*.md'),
        *repository.glob('models/*.md'),
        *repository.glob('rtformer_ros/**/*.py'),
    ]
    assert len(paths) > 400
    commands = [
        (path.name, found[0])
        for path in paths
        for found in COMMAND.finditer(path.read_text(encoding='utf-8'))
    ]
    assert commands
    assert [each for each in commands if "'numpy<2'" not in each[1]] == []


@pytest.mark.parametrize('module', ['cv2', 'yaml'])
def test_projects_of_another_name_are_real_ones(module, repository):
    project = errors._PROJECTS[module]
    assert re.search(
        rf'^{project}==', (repository / 'requirements' / 'runtime.txt').read_text(), re.M
    )
