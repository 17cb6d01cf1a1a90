# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Installation of what TensorRT needs on this machine: item by item, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
import os
from pathlib import Path
import platform
import re
import shutil
import sys

from rtformer_ros.engines.tensorrt import device
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.memory import read_memory
from rtformer_ros.engines.tensorrt.plans.cache_folder import default_cache_folder
from rtformer_ros.engines.tensorrt.run.open_cuda import open_cuda
from rtformer_ros.errors import EngineError, NUMPY_2_PYTHON, pip_install
from rtformer_ros.tools.verify_gpu.conditions import gpu_clock_folder, output_of

_INSTALL = pip_install('onnx', 'onnxruntime', 'tqdm')
# Where JetPack and Debian put the bindings, which are made for the Python in the path.
_SYSTEM_BINDINGS = '/usr/lib/python3.*/dist-packages/tensorrt'
_LEAST_DISK_MIB = 1024


@dataclass(frozen=True)
class InstalledItem:
    """
    One thing that belongs to an installation.

    found: what is there; fix: what to do about it, '' where all is well. is_needed: nothing is
    built or run while it is wrong; else it costs speed, or may fail later.
    """

    name: str
    found: str
    fix: str = ''
    is_needed: bool = True

    @property
    def is_missing(self) -> bool:
        """Return whether nothing works until it is mended."""
        return bool(self.fix) and self.is_needed

    @property
    def state(self) -> str:
        """Return in a word how it is."""
        return 'ok' if not self.fix else 'MISSING' if self.is_needed else 'mind'

    def __str__(self) -> str:
        """Return a line for people, or two."""
        line = f'  {self.state:8} {self.name:12} {self.found}'.rstrip()
        return f'{line}\n           -> {self.fix}' if self.fix else line


def check_installation() -> Iterator[InstalledItem]:
    """Yield all items, in the order in which they are mended; nothing is changed."""
    yield _driver()
    yield _python()
    yield _tensorrt()
    yield _cuda()
    yield _numpy()
    yield _module('onnx')
    yield _module('onnxruntime')
    yield _module('tqdm', is_needed=False)
    yield from _memory()
    yield _plan_folder()
    yield from _power_mode()
    yield from _clocks()


def installation_text(items: Sequence[InstalledItem]) -> str:
    """Return lines for people."""
    return '\n'.join(['installation:', *map(str, items)])


def _driver() -> InstalledItem:
    try:
        return InstalledItem('GPU', str(device.find_gpu()))
    except EngineError as error:
        return InstalledItem('GPU', 'none', str(error))


def _python() -> InstalledItem:
    """Compare this Python with those that the system's TensorRT is made for."""
    found = f'{platform.python_version()} ({sys.executable})'
    own = f'{sys.version_info.major}.{sys.version_info.minor}'
    folders = sorted(Path('/').glob(_SYSTEM_BINDINGS.lstrip('/')))
    versions = [path.parts[-3].removeprefix('python') for path in folders]
    if not versions or own in versions:
        return InstalledItem('Python', found)
    name = f'python{versions[-1]}'
    fix = (
        f'the TensorRT of this system is for Python {", ".join(versions)}: use /usr/bin/{name}, '
        f'or a venv made by it: {name} -m venv --system-site-packages'
    )
    return InstalledItem('Python', found, fix)


def _tensorrt() -> InstalledItem:
    try:
        trt = load_tensorrt()
    except EngineError as error:
        return InstalledItem('TensorRT', 'none', str(error))
    return InstalledItem('TensorRT', f'{version_text(trt)} ({getattr(trt, "__file__", "?")})')


def _cuda() -> InstalledItem:
    """Open the GPU and close it, through whatever library there is."""
    try:
        cuda = open_cuda(0)
        library = cuda.library
        cuda.close()
    except EngineError as error:
        return InstalledItem('CUDA', 'none', str(error))
    return InstalledItem('CUDA', f'through {library}')


def _numpy() -> InstalledItem:
    item = _module('numpy')
    if item.found.startswith('1.') or item.fix or sys.version_info >= NUMPY_2_PYTHON:
        return item
    fix = f'the messages of Humble and Jazzy are built for numpy 1; {_INSTALL}'
    return InstalledItem('numpy', item.found, fix)


def _module(name: str, *, is_needed: bool = True) -> InstalledItem:
    """Import a library, which shows more than that it was installed."""
    try:
        found = str(getattr(import_module(name), '__version__', 'of an unknown version'))
    except (ImportError, OSError, AttributeError) as error:
        return InstalledItem(name, f'does not load ({error})', _INSTALL, is_needed)
    return InstalledItem(name, found)


def _memory() -> Iterator[InstalledItem]:
    memory = read_memory()
    if memory is not None:
        found = (
            f'{memory.total_mib / 1024:.1f} GiB, {memory.available_mib} MiB free, '
            f'{memory.swap_mib} MiB of swap on disk'
        )
        yield InstalledItem('memory', found, memory.advice, is_needed=False)


def _plan_folder() -> InstalledItem:
    folder = default_cache_folder()
    present = next(each for each in (folder, *folder.parents) if each.exists())
    free_mib = shutil.disk_usage(present).free >> 20
    found = f'{folder}, {free_mib} MiB free'
    fix = ''
    if not os.access(present, os.W_OK):
        fix = f'each start builds anew what cannot be kept there; set ROS_HOME, or own {present}'
    elif free_mib < _LEAST_DISK_MIB:
        fix = 'free space there, or set ROS_HOME to a folder with some'
    return InstalledItem('plan cache', found, fix, is_needed=False)


def _power_mode() -> Iterator[InstalledItem]:
    """Read the mode of a Jetson; nothing elsewhere."""
    found = re.search(r'NV Power Mode:\s*(\S+)', output_of(['nvpmodel', '-q']))
    if found:
        fix = (
            'the others clock lower, and those that switch parts of the GPU off need plans of '
            'their own. Choose MAXN: sudo nvpmodel -m 0 on most boards (sudo nvpmodel -p '
            '--verbose lists them)'
        )
        is_full = found[1].startswith('MAXN')
        yield InstalledItem('power mode', found[1], '' if is_full else fix, is_needed=False)


def _clocks() -> Iterator[InstalledItem]:
    """See whether the clock of an integrated GPU stands still, as figures ask for."""
    folder = gpu_clock_folder()
    if folder is None:
        return
    try:
        lowest, highest = (
            int((folder / f'{name}_freq').read_text()) / 1e6 for name in ('min', 'max')
        )
    except (OSError, ValueError):
        return
    fix = (
        ''
        if lowest == highest
        else 'figures vary with it; until the next start: sudo jetson_clocks'
    )
    yield InstalledItem('GPU clock', f'{lowest:.0f} to {highest:.0f} MHz', fix, is_needed=False)
