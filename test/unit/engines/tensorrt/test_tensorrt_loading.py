# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where TensorRT does not load, the message names the cause and the fix."""

import importlib.util
import sys

import pytest
from rtformer_ros.engines.tensorrt.bindings import (
    is_rtx,
    is_strongly_typed,
    load_tensorrt,
    version_of,
    version_text,
)
from rtformer_ros.errors import EngineUnavailable


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes Python code the module tensorrt."""

    def install_(code):
        (tmp_path / 'tensorrt.py').write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, 'tensorrt', raising=False)

    yield install_
    sys.modules.pop('tensorrt', None)


def missing(library):
    text = f'{library}: cannot open shared object file: No such file or directory'
    return f'raise ImportError({text!r})'


def test_not_installed(monkeypatch):
    if importlib.util.find_spec('tensorrt'):
        pytest.skip('TensorRT is installed here')
    with pytest.raises(
        EngineUnavailable, match=r'not installed .*apt-get install python3-libnvin'
    ):
        load_tensorrt()


@pytest.mark.parametrize(
    ('code', 'expected'),
    [
        (missing('libnvdla_compiler.so'), r'libnvdla_compiler.*--runtime nvidia.*dla-compiler'),
        (missing('libcuda.so.1'), r'libcuda.*driver is not visible.*--gpus all.*nvidia-smi'),
        (missing('libnvinfer.so.10'), r'libnvinfer.*libraries of the same version.*apt-get'),
        (missing('libcudart.so.12'), r'libcudart.*pip install tensorrt-cu12 or tensorrt-cu13'),
        ("raise ImportError('/x.so: version `GLIBCXX_3.4.32\\' not found')", r'newer system'),
        ("raise OSError('libnvinfer.so.11: file too short')", r'file too short.*apt-get'),
        ("raise ImportError('something new')", r'\(something new\): install it anew'),
        (
            'raise ModuleNotFoundError("No module named \'tensorrt.tensorrt\'", '
            "name='tensorrt.tensorrt')",
            r'incomplete or built for another Python \(No module',
        ),
        (
            "__version__ = '8.4.3.1'",
            r'8\.4\.3\.1 \(.*tensorrt\.py\) cannot.*8\.5, 8\.6 and',
        ),
        ("__version__ = '9.3.0'", r'TensorRT 9\.3\.0 .*pip install tensorrt'),
        ('', r'TensorRT without a version .*cannot be used'),
    ],
)
def test_causes_are_named(install, code, expected):
    install(code)
    with pytest.raises(EngineUnavailable, match=expected):
        load_tensorrt()


@pytest.mark.parametrize(
    ('text', 'numbers', 'is_typed'),
    [
        ('8.5.2.2', (8, 5, 2, 2), False),
        ('8.6.1', (8, 6, 1), False),
        ('10.3.0', (10, 3, 0), True),
        ('10.13.3.9.post1', (10, 13, 3, 9), True),
        ('11.4.0.106', (11, 4, 0, 106), True),
        ('12.0.0rc1', (12, 0, 0), True),
    ],
)
def test_versions(install, text, numbers, is_typed):
    install(f'__version__ = {text!r}')
    trt = load_tensorrt()
    assert version_of(trt) == numbers
    assert is_strongly_typed(trt) is is_typed
    assert (is_rtx(trt), version_text(trt)) == (False, text)


def test_tensorrt_rtx_is_not_taken_for_tensorrt(install):
    install("__version__ = '1.7.1.116'\n__name__ = 'tensorrt_rtx_bindings'")
    trt = load_tensorrt()
    assert (is_rtx(trt), version_text(trt)) == (True, 'RTX 1.7.1.116')
    # By its numbers it would be older than all that is supported.
    assert (version_of(trt), is_strongly_typed(trt)) == ((1, 7, 1, 116), True)
