# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Find the files beside an ONNX model that hold its weights, before any library opens them.

A model may name any file as its external data. The names are read from the protobuf records of the
file, without the onnx package: a few thousand short records, whatever the weights weigh.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, TYPE_CHECKING

from rtformer_ros.errors import ModelError, quoted, shown_path
from rtformer_ros.files.text_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of onnx.proto: which fields of a message hold messages in which a tensor can be.
_MODEL = 'ModelProto'
_TENSOR = 'TensorProto'
_ENTRY = 'StringStringEntryProto'
_FIELDS: dict[str, dict[int, str]] = {
    _MODEL: {7: 'GraphProto', 20: 'TrainingInfoProto', 25: 'FunctionProto'},
    'TrainingInfoProto': {1: 'GraphProto', 2: 'GraphProto'},
    'GraphProto': {1: 'NodeProto', 5: _TENSOR, 15: 'SparseTensorProto'},
    'FunctionProto': {7: 'NodeProto', 11: 'AttributeProto'},
    'NodeProto': {5: 'AttributeProto'},
    'AttributeProto': {
        5: _TENSOR,
        6: 'GraphProto',
        10: _TENSOR,
        11: 'GraphProto',
        22: 'SparseTensorProto',
        23: 'SparseTensorProto',
    },
    'SparseTensorProto': {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST_RECORDS = 1_000_000
_MOST_NAME_BYTES = 4096
_WINDOW_BYTES = 1 << 16
# ONNX Runtime takes the offset for an address in its own memory where a file has this name.
_MEMORY_TAG = '_ORT_MEM_ADDR_'


def external_files(model: Path) -> tuple[Path, ...]:
    """
    Return the files with weights that an ONNX model names, sorted; () for a model in one file.

    Each is a regular file in the model's own folder or below, links resolved. Raises ModelError
    for one that is not or is shorter than the model says, and for a file that is no ONNX model.
    """
    try:
        with open_regular(model) as file:
            needed: dict[str, int] = {}
            for location, least_bytes in _locations(file, model):
                needed[location] = max(least_bytes, needed.get(location, 0))
    except OSError as error:
        raise ModelError(f'cannot read {shown_path(model)}: {error.strerror}') from error
    # Where the model is a link, as in an install space, its weights may be links to the same
    # place.
    folders = {model.parent.resolve(), model.resolve().parent}
    return tuple(
        _checked(model, location, needed[location], folders) for location in sorted(needed)
    )


def _checked(model: Path, location: str, least_bytes: int, folders: set[Path]) -> Path:
    """Return the path of a file that a model names; raises ModelError unless it may be opened."""
    if Path(location).is_absolute() or '..' in Path(location).parts or _MEMORY_TAG in location:
        raise _refused(model, location, 'outside of its own folder')
    path = model.parent / location
    try:
        resolved = path.resolve(strict=True)
        if not folders.intersection(resolved.parents):
            raise _refused(model, location, 'outside of its own folder')
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, 'strerror', None) or 'no such name'
        raise _refused(model, location, f'which cannot be read ({reason})') from error
    if size < least_bytes:
        raise _refused(model, location, f'which has {size} bytes of at least {least_bytes}')
    return path


def _refused(model: Path, location: str, why: str) -> ModelError:
    return ModelError(
        f'{shown_path(model)} has weights in {quoted(location)}, {why}; put the file that belongs '
        'to the model beside it'
    )


def _locations(file: BinaryIO, model: Path) -> Iterator[tuple[str, int]]:
    """Return each file that a tensor names, as written, and the bytes that it has to have."""
    records = _Records(file, model)
    pending = [(_MODEL, 0, records.size)]
    while pending:
        kind, start, stop = pending.pop()
        entries = []
        for number, first, last in records.fields(start, stop):
            child = _FIELDS[kind].get(number)
            if child == _ENTRY:
                entries.append(records.entry(first, last))
            elif child is not None:
                pending.append((child, first, last))
        least_bytes = sum(
            records.number(value) for key, value in entries if key in (b'offset', b'length')
        )
        for key, value in entries:
            if key == b'location':
                yield os.fsdecode(value), least_bytes


class _Records:
    """The protobuf records of a file, read a little at a time."""

    def __init__(self, file: BinaryIO, model: Path) -> None:
        self._descriptor = file.fileno()
        self._model = model
        self.size = os.fstat(self._descriptor).st_size
        self._window, self._start = b'', 0
        self._count = 0

    def fields(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Return number, start and end of each field of a message that has a length."""
        position = start
        while position < stop:
            self._count += 1
            if self._count > _MOST_RECORDS:
                raise self._refused(f'it has more than {_MOST_RECORDS} records')
            tag, position = self._varint(position, stop)
            kind = tag & 7
            # Larger or smaller ones mean something else to each library.
            if not 8 <= tag < 1 << 32:
                raise self._damaged(position)
            if kind == _VARINT:
                _, position = self._varint(position, stop)
            elif kind == _LENGTH:
                length, first = self._varint(position, stop)
                position = first + length
                if position > stop:
                    raise self._damaged(first)
                yield tag >> 3, first, position
            elif kind in (_FIXED64, _FIXED32):
                position += 8 if kind == _FIXED64 else 4
            else:
                raise self._damaged(position)
        if position != stop:
            raise self._damaged(position)

    def entry(self, start: int, stop: int) -> tuple[bytes, bytes]:
        """Return key and value of a StringStringEntryProto; the last of each counts."""
        texts = {1: b'', 2: b''}
        for number, first, last in self.fields(start, stop):
            if last - first > _MOST_NAME_BYTES:
                raise self._refused('the name of a file with weights is too long')
            texts[number] = self._read(first, last - first)
        return texts[1], texts[2]

    def number(self, text: bytes) -> int:
        """Return the number that an entry holds as text."""
        if not (text.isdigit() and len(text) <= 18):
            raise self._refused(f'{quoted(text)} is no offset or length of weights')
        return int(text)

    def _varint(self, position: int, stop: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            index = position - self._start
            if not 0 <= index < len(self._window):
                self._window, self._start = self._read(position, _WINDOW_BYTES), position
                index = 0
            if position >= stop or shift > 63 or not self._window:
                raise self._damaged(position)
            byte = self._window[index]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7

    def _read(self, position: int, count: int) -> bytes:
        return os.pread(self._descriptor, count, position)

    def _damaged(self, position: int) -> ModelError:
        return self._refused(f'it is cut short or damaged at byte {position}')

    def _refused(self, why: str) -> ModelError:
        return ModelError(f'{shown_path(self._model)} is no ONNX model: {why}')
