# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The health check of the images judges real nodes."""

import subprocess
import sys

import pytest


@pytest.fixture
def check(repository):
    """Return a function that runs the health check; gives its exit code and what it says."""

    def run(seconds):
        script = repository / 'docker' / 'healthcheck.py'
        command = [sys.executable, script, 'segmentation_node', str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    return run


def test_a_node_without_a_camera_is_healthy_and_a_missing_one_is_not(start_node, check):
    node = start_node()
    assert check(30)[0] == 0
    node.end()
    code, text = check(3)
    assert code == 1
    assert 'no diagnostics of segmentation_node in 3 s' in text


def test_a_node_without_a_model_is_not_healthy(start_node, models, check):
    start_node(wait='unconfigured', model=models / 'broken.onnx')
    code, text = check(30)
    assert code == 1
    assert 'engine failed' in text
