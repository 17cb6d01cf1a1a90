# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's files of weights, of a few bytes or a few MB, that a careless reader unfolds."""

from __future__ import annotations

import io
from pathlib import Path
import pickle
import struct
import zipfile

from hostile_weights import call, integer, named, text, tower, weights
import torch

_MIB = 1 << 20
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_SHAPE = b'K\x04\x85'
_STRIDE = b'K\x01\x85'


def storage(key: bytes | None = None, count: bytes = b'K\x04', kind: bytes | None = None) -> bytes:
    """Return the program that puts a storage on the stack."""
    of = named('torch', 'FloatStorage') if kind is None else kind
    identifier = text('storage') + of + (text('0') if key is None else key) + text('cpu') + count
    return b'(' + identifier + b'tQ'


def tensor(
    of: bytes | None = None, offset: bytes = b'K\x00', shape: bytes = _SHAPE,
    strides: bytes = _STRIDE,
) -> bytes:  # fmt: skip
    arguments = (storage() if of is None else of) + offset + shape + strides + b'\x89}t'
    return call('torch._utils', '_rebuild_tensor_v2', b'(' + arguments)


def zipped(program: bytes, *contents: tuple[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', kind) as archive:
        archive.writestr('archive/data.pkl', program)
        for name, content in contents:
            archive.writestr(name, content)
    return stream.getvalue()


def _one(value: bytes) -> bytes:
    return zipped(weights((text('w'), value)), ('archive/data/0', bytes(16)))


def _many(count: int, content: bytes, shape: bytes) -> bytes:
    """Weights that are all views of one storage."""
    view = tensor(storage(count=integer(len(content) // 4)), shape=shape)
    items = ((text(f'w{i}'), view) for i in range(count))
    return zipped(weights(*items), ('archive/data/0', content))


def _pickles(program: bytes, keys: list[str], rest: bytes) -> bytes:
    parts = [pickle.dumps(each, 2) for each in (_MAGIC, _PROTOCOL, {})]
    return b''.join([*parts, program, pickle.dumps(keys, 2), rest])


_GOOD = weights((text('w'), tensor()))

TORCH_FILES: dict[str, bytes] = {
    'tuple_as_identifier': _one(tensor(tower() + b'Q')),
    'tuple_as_key': _one(tensor(storage(key=tower()))),
    'tuple_as_count': _one(tensor(storage(count=tower()))),
    'tuple_as_kind': _one(tensor(storage(kind=tower()))),
    'tuple_as_offset': _one(tensor(offset=tower())),
    'tuple_as_shape': _one(tensor(shape=tower())),
    'tuple_as_strides': _one(tensor(strides=tower())),
    'tuple_as_weight': _one(tower()),
    'tuple_as_parameter': _one(call('torch._utils', '_rebuild_parameter', tower() + b'\x85')),
    'many_dimensions': _one(tensor(shape=b'(' + b'K\x01' * 100_000 + b't')),
    'huge_shape': _one(tensor(shape=integer(1 << 100) + b'\x85', strides=b'K\x00\x85')),
    'huge_empty_shape': _one(
        tensor(shape=b'K\x00' + integer(1 << 100) + b'\x86', strides=b'K\x01K\x01\x86')
    ),
    'huge_count': _one(tensor(storage(count=integer(1 << 100)))),
    'huge_offset': _one(tensor(offset=integer(1 << 100))),
    'no_strides': _one(tensor(shape=integer(1 << 20) + b'\x85', strides=b'K\x00\x85')),
    'same_storage': _many(2000, bytes(_MIB), integer(_MIB // 4) + b'\x85'),
    'many_files': zipped(_GOOD, *((f'archive/data/{i}', b'') for i in range(40_000))),
    'compressed': zipped(_GOOD, ('archive/data/0', bytes(200 * _MIB)), kind=zipfile.ZIP_DEFLATED),
    'compressed_program': zipped(
        b'\x80\x02' + b']' * (50 * _MIB), kind=zipfile.ZIP_DEFLATED
    ),
    'two_programs': zipped(_GOOD, ('other/data.pkl', _GOOD)),
    'other_byte_order': zipped(_GOOD, ('archive/byteorder', b'big')),
    'cut_storage': _pickles(_GOOD, ['0'], struct.pack('<q', 1 << 40)),
    'negative_storage': _pickles(_GOOD, ['0'], struct.pack('<q', -1)),
    'other_storage': _pickles(_GOOD, ['1'], struct.pack('<q', 4) + bytes(16)),
    'many_keys': _pickles(_GOOD, ['0'] * 100_000, b''),
    'deep_state': _pickles(b'\x80\x02' + tower() + b'.', [], b''),
    'wide_state': _pickles(b'\x80\x02' + b']' * 100_000 + b'.', [], b''),
}  # fmt: skip


def whole_torch_files(folder: Path) -> list[Path]:
    """Write good files, 24 MB each, of the kinds that widen most when they are read."""
    torch.manual_seed(0)
    paths = []
    kinds = ((torch.float32, True), (torch.float16, True), (torch.bfloat16, False))
    for kind, is_zip in kinds:
        values = torch.randn(24 * _MIB // kind.itemsize).to(kind)
        state = {f'w{i}': part.clone() for i, part in enumerate(values.chunk(3))}
        paths.append(folder / f'{str(kind).removeprefix("torch.")}.pth')
        torch.save(state, paths[-1], _use_new_zipfile_serialization=is_zip)
    return paths
