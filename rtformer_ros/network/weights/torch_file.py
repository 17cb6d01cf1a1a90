# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read PyTorch's files of weights (.pth, .pt, .pth.tar) without trusting them.

Such a file is a zip archive of a pickle and of storages; up to PyTorch 1.5 it was five pickles
with the storages behind them. array_pickle reads the pickles as data, which calls nothing and
takes bounded memory; `torch.load` does not promise the latter.
The layout is that of torch/serialization.py.
"""

from __future__ import annotations

from collections.abc import Mapping
import io
import os
from pathlib import Path
import struct
from typing import Any
import zipfile

from rtformer_ros.errors import CheckpointError, quoted, shown
from rtformer_ros.files.text_file import open_regular
from rtformer_ros.network.weights.array_pickle import load_tensors
from rtformer_ros.network.weights.pickled_tensor import PickledStorage, PickledTensor
from rtformer_ros.network.weights.saved_arrays import check_total, float_tensor, weights_in
from torch import Tensor

_MOST_BYTES = 1 << 31
_ZIP_START = b'PK\x03\x04'
_ZIP_ENTRY = b'PK\x01\x02'
_MOST_ENTRIES = 10_000
_LOCAL_HEADER = struct.Struct('<26xHH')
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT = struct.Struct('<q')
_BROKEN = (
    ValueError, TypeError, LookupError, ArithmeticError, struct.error, zipfile.BadZipFile,
    NotImplementedError, RuntimeError,
)  # fmt: skip

Storages = Mapping[str, memoryview]


def read_torch_file(path: Path, unused_suffix: str) -> dict[str, Tensor]:
    """
    Return the weights of a file that torch.save wrote, as float32 tensors by their names.

    unused_suffix: of the names of counters, which are left out. Raises CheckpointError for a file
    that cannot be read, is cut short, asks for anything but tensors, or holds anything else under
    a key.
    """
    content = _content(path)
    try:
        saved, storages = _loaded(content)
    except CheckpointError as error:
        raise CheckpointError(f"{path} is no file of PyTorch's weights: {error}") from error
    except _BROKEN as error:
        raise _broken(path, error) from error
    weights = weights_in(saved, 'torch.save(model.state_dict(), ...)', path)
    tensors = {
        key: _checked(key, value, path)
        for key, value in weights.items()
        if not str(key).endswith(unused_suffix)
    }
    check_total(sum(tensor.size for tensor in tensors.values()), len(content), path)
    try:
        arrays = {key: tensor.array(storages) for key, tensor in tensors.items()}
    except _BROKEN as error:
        raise _broken(path, error) from error
    return {key: float_tensor(key, array, path) for key, array in arrays.items()}


def _broken(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} is cut short or is no file of PyTorch's ({type(error).__name__}: "
        f'{shown(str(error))}); fetch it again and compare its size'
    )


def _content(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MOST_BYTES:
                raise CheckpointError(f'{path} has more than {_MOST_BYTES} bytes')
            return file.read(size)
    except OSError as error:
        raise CheckpointError(f'cannot read {path}: {error.strerror}') from error


def _checked(key: Any, value: Any, path: Path) -> PickledTensor:
    if not isinstance(key, str) or not isinstance(value, PickledTensor):
        raise CheckpointError(
            f'{path}: key {quoted(key)} holds a {type(value).__name__}; expected a tensor. Save '
            'the state dict alone'
        )
    return value


def _loaded(content: bytes) -> tuple[Any, Storages]:
    return _from_zip(content) if content.startswith(_ZIP_START) else _from_pickles(content)


def _from_zip(content: bytes) -> tuple[Any, Storages]:
    # zipfile makes some hundred bytes of each entry.
    if content.count(_ZIP_ENTRY) > _MOST_ENTRIES:
        raise ValueError(f'an archive of more than {_MOST_ENTRIES} files')
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in entries if name.endswith('/data.pkl')]
    if len(pickles) != 1:
        raise ValueError(f'an archive with {len(pickles)} files data.pkl')
    folder = pickles[0].removesuffix('data.pkl')
    order = entries.get(f'{folder}byteorder')
    if order is not None and bytes(_stored(content, order)) != b'little':
        raise ValueError('an archive of another byte order')
    saved, _ = load_tensors(_stored(content, entries[pickles[0]]))
    place = f'{folder}data/'
    storages = {
        name.removeprefix(place): _stored(content, entry)
        for name, entry in entries.items()
        if name.startswith(place)
    }
    return saved, storages


def _stored(content: bytes, entry: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of a file in an archive that does not compress it."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError('an archive of compressed files')
    names = _LOCAL_HEADER.unpack_from(content, entry.header_offset)
    start = entry.header_offset + _LOCAL_HEADER.size + sum(names)
    if start + entry.file_size > len(content):
        raise ValueError('an archive that ends too early')
    return memoryview(content)[start : start + entry.file_size]


def _from_pickles(content: bytes) -> tuple[Any, Storages]:
    place, values = 0, []
    for _ in range(5):
        value, place = load_tensors(content, place)
        values.append(value)
    magic, protocol, _, saved, keys = values
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or not isinstance(keys, list):
        raise ValueError('no magic number of PyTorch')
    widths = _widths(saved)
    storages = {}
    for key in keys:
        (count,) = _COUNT.unpack_from(content, place)
        place += _COUNT.size
        length = count * widths[key]
        if count < 0 or place + length > len(content):
            raise ValueError('a storage ends too early')
        storages[key] = memoryview(content)[place : place + length]
        place += length
    return saved, storages


def _widths(saved: Any) -> dict[str, int]:
    """Return the bytes of a number in each storage, by its key."""
    widths: dict[str, int] = {}
    pending, seen = [saved], set[int]()
    while pending:
        value = pending.pop()
        if isinstance(value, PickledTensor):
            value = value.storage
        if isinstance(value, PickledStorage):
            widths[value.key] = value.dtype.itemsize
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            pending.extend(value.values() if isinstance(value, dict) else value)
    return widths
