# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Load each version, whole and without its libraries."""

import os
import subprocess
import sys

from rtformer_ros.engines.tensorrt.bindings import is_strongly_typed, load_tensorrt, version_of
from tensorrt_harness.real_module import prepare
from tensorrt_wheels import WHEELS


def test_versions_are_told_apart(real_tensorrt, version):
    trt = load_tensorrt()
    assert trt is real_tensorrt
    assert version_of(trt)[:3] == version
    assert is_strongly_typed(trt) == hasattr(trt.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED')


def test_real_bindings_without_their_libraries_are_explained(tmp_path):
    """In a process without the empty ones; the package `tensorrt` only passes the bindings on."""
    folder = prepare(WHEELS[os.environ['TENSORRT_BINDINGS']])
    (tmp_path / 'tensorrt.py').write_text('from tensorrt_bindings import *\n')
    code = (
        'from rtformer_ros.engines.tensorrt.bindings import load_tensorrt\n'
        'from rtformer_ros.errors import EngineUnavailable\n'
        'try: load_tensorrt()\n'
        'except EngineUnavailable as error: print(error)\n'
    )
    paths = [str(tmp_path), str(folder), *filter(None, [os.environ.get('PYTHONPATH')])]
    done = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'TensorRT does not load (libnv' in done.stdout
    assert 'cannot open shared object file' in done.stdout
    assert 'sudo apt-get install tensorrt python3-libnvinfer' in done.stdout
