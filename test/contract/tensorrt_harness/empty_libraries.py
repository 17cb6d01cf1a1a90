# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make libraries without content that satisfy the linker, so that the real bindings import."""

from __future__ import annotations

import contextlib
from pathlib import Path
import re
import shutil
import subprocess
import tempfile

from tensorrt_wheels import BindingsMissing

# TensorRT's own, among the symbols that libc, libstdc++ and Python have: the factories
# (create..._INTERNAL), getNvOnnxParserVersion, getPluginRegistry, initLibNvInferPlugins, and in
# version 8 those of two parsers.
_SYMBOL = re.compile(r'\w+_INTERNAL|\w*Nv\w+|\w+PluginRegistry|_ZN\d+nv\w+')
_LIBRARY = re.compile(r'\(NEEDED\).*\[(libnv[^\]]+)\]')


def make_empty_libraries(extension: Path) -> list[Path]:
    """
    Return libraries of TensorRT that an extension module links to, with functions that return 0.

    The factories thus return a null pointer, as they do where there is no GPU.
    extension: a shared library; what is made for it is kept beside it. Raises BindingsMissing
    where the compiler or binutils are not installed.
    """
    folder = extension.parent / 'empty_libraries'
    if not folder.is_dir():
        _make(extension, folder)
    return sorted(folder.glob('*.so*'))


def _make(extension: Path, folder: Path) -> None:
    for tool in ('gcc', 'nm', 'readelf'):
        if shutil.which(tool) is None:
            raise BindingsMissing(f'{tool} is missing: sudo apt-get install build-essential')
    listed = _output('nm', '-D', '--undefined-only', str(extension)).split()
    symbols = [name for name in listed if _SYMBOL.fullmatch(name)]
    with tempfile.TemporaryDirectory(dir=extension.parent) as draft:
        source = Path(draft) / 'empty.c'
        source.write_text(''.join(f'void *{name}(void) {{ return 0; }}\n' for name in symbols))
        made = Path(draft) / 'libraries'
        made.mkdir()
        for name in _LIBRARY.findall(_output('readelf', '-d', str(extension))):
            target = str(made / name)
            _output('gcc', '-shared', '-fPIC', f'-Wl,-soname,{name}', '-o', target, str(source))
        # Another process may have been faster; its libraries are the same.
        with contextlib.suppress(OSError):
            made.rename(folder)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
