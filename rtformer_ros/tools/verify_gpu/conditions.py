# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Conditions of a measurement on a GPU: the GPU, its clocks, all versions."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
import platform
import subprocess
from typing import TYPE_CHECKING

from rtformer_ros import __version__
from rtformer_ros.engines.tensorrt.bindings import version_text

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.device import Gpu

_LIBRARIES = (
    'numpy',
    'onnx',
    'onnxruntime',
    'onnxruntime-gpu',
    'torch',
    'triton',
    'cuda-bindings',
)
_STATE = {
    'driver': 'driver_version',
    'memory (MiB)': 'memory.total',
    'performance state': 'pstate',
    'SM clock (MHz)': 'clocks.sm',
    'highest SM clock (MHz)': 'clocks.max.sm',
    'memory clock (MHz)': 'clocks.mem',
    'power (W)': 'power.draw',
    'power limit (W)': 'enforced.power.limit',
    'temperature (C)': 'temperature.gpu',
}
_TIMEOUT_S = 10.0
_JETSON_BOARD = Path('/proc/device-tree/model')
_JETSON_CLOCKS = '/sys/class/devfreq/*/cur_freq'
_JETSON_GPUS = ('gpu', 'gpc', 'ga10b', 'gv11b')


def conditions(gpu: Gpu) -> dict[str, str]:
    """Return what does not change while measurements are made, by name."""
    found = {
        'GPU': str(gpu),
        'machine': _board() or f'{platform.system()} {platform.machine()}',
        'Python': platform.python_version(),
        'rtformer_ros': __version__,
        'TensorRT': _tensorrt_version(),
    }
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = 'not installed'
    power_mode = output_of(['nvpmodel', '-q'])
    if power_mode:
        found['power mode'] = ' '.join(power_mode.split())
    return found


def gpu_state() -> dict[str, str]:
    """Return the clocks and other readings of now, by name; what cannot be read is left out."""
    query = ','.join(_STATE.values())
    text = output_of(
        ['nvidia-smi', '--id=0', f'--query-gpu={query}', '--format=csv,noheader,nounits']
    )
    values = [value.strip() for value in text.strip().split(',')]
    state: dict[str, str] = {}
    if len(values) == len(_STATE):
        readings = zip(_STATE, values, strict=True)
        state = {name: value for name, value in readings if 'N/A' not in value}
    return {**state, **_jetson_clocks()}


def format_values(values: Mapping[str, str]) -> str:
    """Return names and values as lines of text."""
    return '\n'.join(f'  {name:24} {value}' for name, value in values.items())


def _tensorrt_version() -> str:
    try:
        return version_text(import_module('tensorrt'))
    except (ImportError, OSError) as error:
        return f'does not load ({error})'


def _board() -> str:
    try:
        return _JETSON_BOARD.read_text(encoding='utf-8').strip('\0\n ')
    except OSError:
        return ''


def gpu_clock_folder() -> Path | None:
    """Return where Linux shows the clock of an integrated GPU, None where there is none."""
    for path in sorted(Path('/').glob(_JETSON_CLOCKS.lstrip('/'))):
        if any(name in path.parent.name for name in _JETSON_GPUS):
            return path.parent
    return None


def _jetson_clocks() -> dict[str, str]:
    """Return the clock of an integrated GPU, of which nvidia-smi says little."""
    folder = gpu_clock_folder()
    try:
        if folder is not None:
            frequency_hz = int((folder / 'cur_freq').read_text())
            return {'GPU clock (MHz)': f'{frequency_hz / 1e6:.0f}'}
    except (OSError, ValueError):
        pass
    return {}


def output_of(command: list[str]) -> str:
    """Return what a program prints, '' where it is missing or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout if done.returncode == 0 else ''
