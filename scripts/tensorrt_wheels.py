# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Download wheels of TensorRT, once for each environment, into a folder of it.

They are NVIDIA's, under its own licence: kept for checks, never a part of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile


class BindingsMissing(Exception):
    """Say why a version cannot be had here."""


@dataclass(frozen=True)
class Wheel:
    """
    A release of the bindings, or of libraries, on PyPI.

    first_minor, last_minor: the CPython 3 versions that it has wheels for; machines: those of its
    Linux wheels.
    """

    version: str
    project: str
    release: str
    first_minor: int
    last_minor: int
    machines: tuple[str, ...] = ('x86_64',)


WHEELS = {
    wheel.version: wheel
    for wheel in (
        Wheel('8.6.1', 'tensorrt-bindings', '8.6.1', 6, 11),
        Wheel('10.3.0', 'tensorrt-cu12-bindings', '10.3.0', 8, 12),
        Wheel('10.7.0', 'tensorrt-cu12-bindings', '10.7.0', 8, 12, ('x86_64', 'aarch64')),
        Wheel('10.13.3', 'tensorrt-cu12-bindings', '10.13.3.9.post1', 8, 13),
        Wheel('10.16.1', 'tensorrt-cu12-bindings', '10.16.1.11', 8, 13),
        Wheel('11.4.0', 'tensorrt-cu13-bindings', '11.4.0.106', 8, 14, ('x86_64', 'aarch64')),
    )
}

_RTX = '1.7.1.116'
RTX_WHEELS = (
    Wheel(_RTX, 'tensorrt-rtx-cu12-bindings', _RTX, 9, 14),
    Wheel(_RTX, 'tensorrt-rtx-cu12-libs', _RTX, 9, 14),
)
"""
TensorRT-RTX, whole: parser and builder work without a GPU. It is not the TensorRT of JetPack.
"""


def folder_of(wheel: Wheel) -> Path:
    """Return the folder in which a wheel, and those unpacked with it, lie if they are here."""
    python = f'cp{sys.version_info.major}{sys.version_info.minor}'
    return Path(sys.prefix) / 'tensorrt_bindings' / f'{wheel.release}-{python}'


def unpacked(*wheels: Wheel) -> Path:
    """
    Return the folder in which wheels lie unpacked, all in one; download them where it is not here.

    It has the name of the first. Raises BindingsMissing.
    """
    for wheel in wheels:
        _check_platform(wheel)
    folder = folder_of(wheels[0])
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete, so that a broken-off download or a second process does no harm.
        with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
            for wheel in wheels:
                own = Path(draft) / wheel.project
                with zipfile.ZipFile(_download(wheel, own)) as archive:
                    archive.extractall(Path(draft) / 'content')
                shutil.rmtree(own)
            if not folder.is_dir():
                (Path(draft) / 'content').rename(folder)
    except OSError as error:
        raise BindingsMissing(f'{folder.parent} cannot be written: {error}') from error
    return folder


def _check_platform(wheel: Wheel) -> None:
    minor = sys.version_info.minor
    if not wheel.first_minor <= minor <= wheel.last_minor:
        raise BindingsMissing(
            f'{wheel.project} {wheel.release} has no wheel for CPython 3.{minor}, only for '
            f'3.{wheel.first_minor} to 3.{wheel.last_minor}'
        )
    if sys.platform != 'linux' or platform.machine() not in wheel.machines:
        raise BindingsMissing(
            f'{wheel.project} {wheel.release} has no wheel for {sys.platform} on '
            f'{platform.machine()}, only for Linux on {" and ".join(wheel.machines)}'
        )


def _download(wheel: Wheel, folder: Path) -> Path:
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--no-input', 'download']
    options = ['--no-deps', '--only-binary=:all:', '--retries=1', '--timeout=20', '--dest']
    done = subprocess.run(
        [*pip, *options, str(folder), f'{wheel.project}=={wheel.release}'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PIP_REQUIRE_VIRTUALENV': '0'},
    )
    found = list(folder.glob('*.whl'))
    if done.returncode != 0 or len(found) != 1:
        lines = (done.stderr.strip() or done.stdout.strip() or 'no output').splitlines()
        errors = [line for line in lines if line.startswith('ERROR')] or lines
        raise BindingsMissing(
            f'pip could not download {wheel.project}=={wheel.release} (offline?): {errors[-1]}'
        )
    return found[0]
