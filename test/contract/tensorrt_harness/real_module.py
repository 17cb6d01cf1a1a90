# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Import the real bindings of one version into this process."""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path
import sys
from types import ModuleType

from tensorrt_wheels import unpacked, Wheel

from tensorrt_harness.empty_libraries import make_empty_libraries

_EXTENSION = Path('tensorrt_bindings') / 'tensorrt.so'


def prepare(wheel: Wheel) -> Path:
    """Return the folder that `load` imports from, complete; raises BindingsMissing."""
    folder = unpacked(wheel)
    make_empty_libraries(folder / _EXTENSION)
    return folder


def load(wheel: Wheel) -> ModuleType:
    """Return the module `tensorrt_bindings` of a wheel; raises BindingsMissing."""
    folder = prepare(wheel)
    # The linker takes a library that is loaded for the one of the same name that is asked for.
    for library in make_empty_libraries(folder / _EXTENSION):
        ctypes.CDLL(str(library))
    sys.path.insert(0, str(folder))
    module = importlib.import_module('tensorrt_bindings')
    assert module.__version__ == wheel.release, module.__version__
    return module
