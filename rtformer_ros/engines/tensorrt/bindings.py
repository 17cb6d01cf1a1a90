# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""TensorRT's Python bindings, loaded on demand; where they do not load, cause and fix."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from rtformer_ros.errors import EngineUnavailable

Bindings = ModuleType
"""The module `tensorrt`, whose members differ from version to version."""

# Strong types arrived with 10; releases before 10.3 were never on a robot, 9 never for robots.
_STRONG_TYPES = (10,)
_OLDEST = (8, 5)
_SUPPORTED = 'TensorRT 8.5, 8.6 and 10.3 or newer are supported'
# Where another library is loaded under the name of TensorRT: the same interface, numbers from 1.
_RTX = 'tensorrt_rtx'

_NO_DRIVER = (
    'the NVIDIA driver is not visible here. In a container: start it with --runtime nvidia '
    '(Jetson) or --gpus all. Otherwise install the driver, and check it with nvidia-smi'
)
# What the loader misses, and what that means. The first match counts.
_MISSING_LIBRARIES = (
    (
        'libnvdla_compiler',
        'a part of the Jetson driver is missing. In a container: start it with --runtime nvidia. '
        'Otherwise type: sudo apt-get install nvidia-l4t-dla-compiler (JetPack 6 and newer), '
        'nvidia-l4t-core (JetPack 5)',
    ),
    (r'libcuda\.so', _NO_DRIVER),
    ('libnvcudla|libnvos|libnvrm|libnvdla|libtegra', _NO_DRIVER),
    (
        'libnvinfer|libnvonnxparser|libnvparsers',
        "the bindings are here but TensorRT's libraries of the same version are not. Install both "
        'from one place: sudo apt-get install tensorrt python3-libnvinfer (JetPack), or '
        'pip install tensorrt',
    ),
    (
        'libcudart|libcublas|libcudnn|libnvrtc',
        "CUDA's libraries of the version that TensorRT was built for are missing. On a Jetson "
        'type: sudo apt-get install nvidia-jetpack; otherwise install that CUDA, or TensorRT for '
        'the CUDA that is there (pip install tensorrt-cu12 or tensorrt-cu13)',
    ),
    (
        'GLIBC|GLIBCXX|CXXABI',
        'this TensorRT was built for a newer system; install the one that belongs to the JetPack '
        'or distribution of this machine',
    ),
)


def load_tensorrt() -> Bindings:
    """
    Import the module `tensorrt`.

    Raises EngineUnavailable with cause and fix where it is missing, does not load or is too old.
    """
    try:
        # Pip's libraries are loaded by a package of their own that raises OSError.
        module = importlib.import_module('tensorrt')
    except (ImportError, OSError) as error:
        raise EngineUnavailable(_explain(error)) from error
    version_of(module)
    return module


def version_of(trt: Bindings) -> tuple[int, ...]:
    """
    Return the version's numbers: (10, 13, 3, 9) of '10.13.3.9.post1'.

    Those of TensorRT-RTX count from 1 and say nothing about TensorRT, see is_rtx.
    Raises EngineUnavailable for a version that is not supported.
    """
    text = str(getattr(trt, '__version__', ''))
    found = re.match(r'\d+(\.\d+)+', text)
    version = tuple(int(part) for part in found[0].split('.')) if found else ()
    if is_rtx(trt) and version:
        return version
    if version < _OLDEST or version[0] == 9:
        raise EngineUnavailable(
            f'TensorRT {text or "without a version"} ({getattr(trt, "__file__", "?")}) cannot be '
            f'used; {_SUPPORTED}: update JetPack, or pip install tensorrt'
        )
    return version


def is_rtx(trt: Bindings) -> bool:
    """
    Return whether this is TensorRT-RTX, NVIDIA's other library with this interface.

    It parses and builds without a GPU, which is what it is taken for here: to check what builds.
    """
    return trt.__name__.startswith(_RTX)


def version_text(trt: Bindings) -> str:
    """Return the full version as people read it after TensorRT: '10.3.0.26', 'RTX 1.7.1.116'."""
    return f'RTX {trt.__version__}' if is_rtx(trt) else str(trt.__version__)


def is_strongly_typed(trt: Bindings) -> bool:
    """Return whether networks take their precision from the model, not from builder flags."""
    return is_rtx(trt) or version_of(trt) >= _STRONG_TYPES


def _explain(error: ImportError | OSError) -> str:
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and error.name == 'tensorrt':
        return (
            'TensorRT is not installed for this Python. On a Jetson type: sudo apt-get install '
            "python3-libnvinfer, and use the system's Python (a venv needs "
            '--system-site-packages); on a PC: pip install tensorrt'
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or '').startswith('tensorrt'):
        return (
            f'the TensorRT that is installed is incomplete or built for another Python ({text}); '
            'use the Python that it came with, or pip install tensorrt'
        )
    for pattern, fix in _MISSING_LIBRARIES:
        if re.search(pattern, text):
            return f'TensorRT does not load ({text}): {fix}'
    return (
        f'TensorRT does not load ({text}): install it anew for this Python, with '
        'sudo apt-get install --reinstall python3-libnvinfer (JetPack) or pip install tensorrt'
    )
