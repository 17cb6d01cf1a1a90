# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Weights files of a few bytes, or a few MB, that a careless reader makes gigabytes of."""

from __future__ import annotations

import json
from pathlib import Path
import pickle
import struct

import numpy as np

_MIB = 1 << 20
_HEAD, _STOP = b'\x80\x02', b'.'


def text(value: str | bytes) -> bytes:
    """Return the opcode that puts a text on the stack."""
    content = value.encode() if isinstance(value, str) else value
    return b'X' + struct.pack('<I', len(content)) + content


def integer(value: int) -> bytes:
    content = value.to_bytes(16, 'little', signed=True)
    return b'\x8a' + bytes([len(content)]) + content


def blob(content: bytes) -> bytes:
    return b'B' + struct.pack('<I', len(content)) + content


def put(index: int) -> bytes:
    return b'r' + struct.pack('<I', index)


def get(index: int) -> bytes:
    return b'j' + struct.pack('<I', index)


def named(module: str, name: str) -> bytes:
    return b'c' + f'{module}\n{name}\n'.encode()


def call(module: str, name: str, arguments: bytes) -> bytes:
    return named(module, name) + arguments + b'R'


def tower(levels: int = 60) -> bytes:
    """A tuple of a few hundred bytes that unfolds to 2 ** levels."""
    parts = [b')', put(1000)]
    for level in range(levels):
        parts += [get(1000 + level), b'\x86', put(1001 + level)]
    return b''.join(parts)


def dtype(code: bytes | None = None, order: bytes | None = None) -> bytes:
    arguments = b'(' + (code or text('f4')) + b'\x89\x88t'
    state = b'(K\x03' + (order or text('<')) + b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t'
    return call('numpy', 'dtype', arguments) + state + b'b'


def array(
    content: bytes, shape: bytes, of: bytes | None = None, fortran: bytes = b'\x89'
) -> bytes:
    empty = call(
        'numpy.core.multiarray',
        '_reconstruct',
        named('numpy', 'ndarray') + b'K\x00\x85' + blob(b'b') + b'\x87',
    )
    return empty + b'(K\x01' + shape + (of or dtype()) + fortran + content + b'tb'


def weights(*items: tuple[bytes, bytes]) -> bytes:
    """A program that makes a dict of (key, value)."""
    return _HEAD + b'}(' + b''.join(key + value for key, value in items) + b'u' + _STOP


def one(value: bytes) -> bytes:
    return weights((text('w'), value))


FOUR = blob(bytes(16))
SHAPE = b'K\x04\x85'
BIG = blob(bytes(_MIB))
BIG_SHAPE = integer(_MIB // 4) + b'\x85'


def _shared_arrays() -> bytes:
    first = (text('k'), array(BIG, BIG_SHAPE) + put(7))
    return weights(first, *((text(f'k{i}'), get(7)) for i in range(10_000)))


def _slices(parts: bytes, shape: bytes, *items: tuple[bytes, bytes]) -> bytes:
    entry = b'}(' + text('OriginShape') + shape + text('slices') + b'](' + parts + b'eu'
    table = (text('UnpackBigParamInfor@@'), b'}' + text('w') + entry + b's')
    return weights(*items, table)


def _encodings(content: bytes, count: int) -> bytes:
    """A list of the bytes of one text, encoded time and again."""
    function = named('_codecs', 'encode') + put(1)
    arguments = text(content) + text('latin1') + b'\x86' + put(2)
    again = get(1) + get(2) + b'R'
    return _HEAD + b'](' + function + arguments + b'R' + again * count + b'e' + _STOP


def _repeated(make: bytes, count: int) -> bytes:
    return _HEAD + b'](' + make * count + b'e' + _STOP


def _lists(call_: bytes) -> bytes:
    items = b'](' + b'N' * 100_000 + b'e\x85' + put(2)
    return (
        _HEAD + b'](' + call_ + put(1) + items + (get(1) + get(2) + b'R') * 20_000 + b'e' + _STOP
    )


PICKLES: dict[str, bytes] = {
    'index': _HEAD + b'}' + put(0xFFFFFFFF) + _STOP,
    'indices': _HEAD + b'}' + b''.join(put(i << 12) for i in range(1 << 20)) + _STOP,
    'tuple_as_key': weights((tower(), b'N')),
    'tuple_as_set_key': _HEAD + b'}' + tower() + b'Ns' + _STOP,
    'number_as_key': weights((b'K\x01', b'N')),
    'tuple_as_shape': one(array(FOUR, tower())),
    'tuple_as_dtype': one(array(FOUR, SHAPE, dtype(code=tower()))),
    'tuple_as_order': one(array(FOUR, SHAPE, dtype(order=tower()))),
    'tuple_as_content': one(array(tower(), SHAPE)),
    'tuple_as_value': one(tower()),
    'tuple_as_encoding': one(call('_codecs', 'encode', text('a') + tower() + b'\x86')),
    'tuple_as_text': one(call('_codecs', 'encode', tower() + text('latin1') + b'\x86')),
    'tuple_as_name': _HEAD + text('numpy') + tower() + b'\x93' + _STOP,
    'tuple_as_module': _HEAD + tower() + text('numpy') + b'\x93' + _STOP,
    'tuple_as_pairs': one(call('collections', 'OrderedDict', tower() + b'\x85')),
    'tuple_as_slice': _slices(tower(), SHAPE, (text('a'), array(FOUR, SHAPE))),
    'tuple_as_origin': _slices(text('a'), tower(), (text('a'), array(FOUR, SHAPE))),
    'tuple_alone': _HEAD + tower() + _STOP,
    'shared_arrays': _shared_arrays(),
    'shared_slices': _slices(
        b''.join(text(f'k{i}') for i in range(4000)), BIG_SHAPE,
        (text('k'), array(BIG, BIG_SHAPE) + put(7)),
        *((text(f'k{i}'), get(7)) for i in range(4000)),
    ),
    'same_slice': _slices(text('a') * 4000, BIG_SHAPE, (text('a'), array(BIG, BIG_SHAPE))),
    'encodings': _encodings(b'x' * _MIB, 10_000),
    'short_encodings': _encodings(b'x' * 4000, 60_000),
    'state_of_dict': _HEAD + b'}}b' + _STOP,
    'state_of_list': _HEAD + b']}b' + _STOP,
    'state_of_tuple': _HEAD + b'K\x01\x85}b' + _STOP,
    'state_of_function': _HEAD + named('_codecs', 'encode') + b'}b' + _STOP,
    'state_of_itself': _HEAD + array(FOUR, SHAPE) + put(3) + get(3) + b'b' + _STOP,
    'huge_shape': one(array(FOUR, integer(1 << 60) + b'\x85')),
    'huge_empty_shape': one(array(blob(b''), b'K\x00' + integer(1 << 62) + b'\x86')),
    'negative_shape': one(array(FOUR, b'J\xff\xff\xff\xff\x85')),
    'many_dimensions': one(array(FOUR, b'(' + b'K\x01' * 100_000 + b't')),
    'deep_lists': _HEAD + b']' * _MIB + b'a' * (_MIB - 1) + _STOP,
    'deep_tuples': _HEAD + b')' + b'\x85' * _MIB + _STOP,
    'marks': _HEAD + b'(' * _MIB,
    'lists': _HEAD + b']' * (8 * _MIB) + _STOP,
    'dicts_put_aside': b'\x80\x04' + b'}\x94' * (4 * _MIB) + _STOP,
    'arrays': _repeated(call('numpy', 'ndarray', b')'), 50_000),
    'bytes_of_nothing': _HEAD + b'\x8e' + struct.pack('<Q', 1 << 62),
    'text_of_nothing': _HEAD + b'X\xff\xff\xff\xff',
    'long_text_of_nothing': b'\x80\x04\x8d' + struct.pack('<Q', 1 << 40),
    'frame_of_nothing': b'\x80\x04\x95' + struct.pack('<Q', 1 << 62),
    'integer_of_nothing': _HEAD + b'\x8b\xff\xff\xff\x7f',
    'long_integer': b'\x80\x00I' + b'9' * _MIB + b'\n.',
    'tuples_of_lists': _lists(named('builtins', 'tuple')),
    'dicts_of_lists': _lists(named('collections', 'OrderedDict')),
    'wide_text': one(
        call('_codecs', 'encode', text('\U0001f600' * (2 * _MIB)) + text('latin1') + b'\x86')
    ),
    'wide_texts': _repeated(text('a' * 4000 + '\U0001f600'), 5000),
    'wide_keys': weights(*((text(f'{i}\U0001f600'), b'N') for i in range(50_000))),
    'long_key': weights((text('k' * 4000), array(FOUR, SHAPE))),
    'half_character': weights((text(b'\xed\xa0\x80'), array(FOUR, SHAPE))),
    'persistent': _HEAD + b'Pname\n.',
    'extension': _HEAD + b'\x82\x01.',
    'instance': b'(icollections\nOrderedDict\n.',
    'new_object': _HEAD + named('collections', 'OrderedDict') + b')\x81.',
    'buffer': b'\x80\x05\x97.',
    'no_name': b'c' + b'x' * (8 * _MIB),
}  # fmt: skip


def safetensors_file(header: object, data: bytes = b'', length: int | None = None) -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(content) if length is None else length) + content + data


def _entry(start: int, stop: int, shape: list[int], kind: str = 'F32') -> dict[str, object]:
    return {'dtype': kind, 'shape': shape, 'data_offsets': [start, stop]}


SAFETENSORS: dict[str, bytes] = {
    'header_of_nothing': safetensors_file(b'{}', length=(1 << 63) - 1),
    'header_beyond_the_end': safetensors_file(b'{}', length=50),
    'large_header': safetensors_file(b'{}' + b' ' * (9 * _MIB)),
    'deep_header': safetensors_file(b'{"a":' * _MIB),
    'overlap': safetensors_file({'a': _entry(0, 16, [4]), 'b': _entry(8, 24, [4])}, bytes(24)),
    'same_data': safetensors_file({f'k{i}': _entry(0, 16, [4]) for i in range(10_000)}, bytes(16)),
    'hole': safetensors_file({'a': _entry(0, 4, [1]), 'b': _entry(8, 12, [1])}, bytes(12)),
    'backwards': safetensors_file({'a': _entry(16, 0, [4])}, bytes(16)),
    'beyond_the_end': safetensors_file({'a': _entry(0, 1 << 40, [1 << 38])}, bytes(16)),
    'huge_shape': safetensors_file({'a': _entry(0, 16, [1 << 62, 1 << 62])}, bytes(16)),
    'key_twice': safetensors_file(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        bytes(8),
    ),
    'integers': safetensors_file({'a': _entry(0, 16, [2], 'I64')}, bytes(16)),
    'bytes': safetensors_file({'a': _entry(0, 4 * _MIB, [4 * _MIB], 'U8')}, bytes(4 * _MIB)),
    'unknown_kind': safetensors_file({'a': _entry(0, 16, [4], 'F1')}, bytes(16)),
    'long_key': safetensors_file({'k' * 100_000: _entry(0, 16, [4])}, bytes(16)),
    'empty': b'',
}


def whole_weights(folder: Path) -> list[Path]:
    """Write good files, 24 MB each, of the kinds that widen most when they are read."""
    values = np.linspace(-1, 1, 12 * _MIB, dtype=np.float32)
    arrays = {
        'half': values.astype(np.float16),
        'bfloat16': (values.view(np.uint32) >> 16).astype(np.uint16),
        'single': values[::2].copy(),
        'double': values[::4].astype(np.float64),
        'big_endian': values[::2].astype('>f4'),
    }
    paths = []
    for protocol in (2, 4):
        for name, array_ in arrays.items():
            state = {f'w{i}': part for i, part in enumerate(np.array_split(array_, 3))}
            paths.append(folder / f'{name}_{protocol}.pdparams')
            paths[-1].write_bytes(pickle.dumps(state, protocol=protocol))
    return paths
