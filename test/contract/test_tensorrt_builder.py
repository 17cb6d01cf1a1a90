# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build a few models with a real parser and builder of NVIDIA's, where it was downloaded.

What is checked lies in real_builder/checks; `make build-with-tensorrt` checks every export.
"""

import re
import subprocess
import sys

import build_with_tensorrt
import pytest
from tensorrt_wheels import RTX_WHEELS


def test_the_real_parser_and_builder_take_what_is_exported():
    if not build_with_tensorrt.is_here():
        pytest.skip(
            'TensorRT-RTX is not here, so nothing was built with a real parser and builder: '
            'make build-with-tensorrt downloads it (91 MB), builds every export, and lets this '
            'test build a few from then on'
        )
    done = build_with_tensorrt.run_checks([], subprocess.PIPE)
    assert done.returncode == 0, done.stdout
    assert re.search(r'^\d+ passed(, \d+ warnings?)? in ', done.stdout, re.MULTILINE), done.stdout


def test_offline_nothing_is_built_and_that_is_told(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.delenv('PIP_FIND_LINKS', raising=False)
    monkeypatch.setenv('PIP_CONFIG_FILE', '/dev/null')
    assert build_with_tensorrt.main([]) != 0
    assert f'SKIPPED, nothing was built: pip could not download {RTX_WHEELS[0].project}' in (
        capfd.readouterr().err
    )
