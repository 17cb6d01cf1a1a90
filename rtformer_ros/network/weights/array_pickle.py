# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read pickles of NumPy arrays as data.

A pickle is a program for a stack machine that may call any function and make much of little. This
machine knows only what files of arrays need (protocol 2 to 4), NumPy's or PyTorch's. It calls
nothing of the file's choosing, keys are text (of PyTorch's, whole numbers too), and nothing but
texts and numbers is compared, hashed or shown: nested tuples of a few bytes can unfold to
millions. Its memory is that of the file and of MOST_STEPS.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import Any, TypeAlias

import numpy as np
from rtformer_ros.errors import CheckpointError, quoted
from rtformer_ros.network.weights.pickled_array import PickledArray, PickledDtype, shown
from rtformer_ros.network.weights.pickled_tensor import (
    PickledStorage,
    STORAGE_DTYPES,
    TORCH_FUNCTIONS,
)

MOST_STEPS = 300_000
"""Of a program; each makes about a hundred bytes. The published networks take 10 000."""

_MOST_SHORT_BYTES = 4096
_HIGHEST_LATIN1_BYTE = 0xC3  # in UTF-8
_MOST_INTEGER_BYTES = 16
_MOST_KEY_CHARACTERS = 200


def load_arrays(content: bytes) -> Any:
    """
    Return what a pickle holds: arrays (views of `content`), text, numbers and collections of them.

    Raises CheckpointError for a pickle that asks for anything else, ValueError, TypeError or
    LookupError for one that is cut short or damaged.
    """
    return _Machine(content).run()


def load_tensors(content: bytes | memoryview, place: int = 0) -> tuple[Any, int]:
    """
    Return what a pickle of PyTorch's that begins at `place` holds, and the place behind it.

    Tensors are PickledTensors, whose storages lie elsewhere. Raises as load_arrays does.
    """
    machine = _Machine(content, place, of_torch=True)
    return machine.run(), machine.place


class _Text:
    """A text too long for a name: in protocol 2 the bytes of an array, read as latin1."""

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop


_Call: TypeAlias = 'Callable[[_Machine, tuple[Any, ...]], Any]'


class _Function:
    """A name that stands for one of the machine's own functions."""

    def __init__(self, call: _Call) -> None:
        self.call = call


class _Mark:
    """The place in the stack from which on items belong together."""


_MARK = _Mark()


class _Machine:
    """The state of a program: its place, its stack, and what it has put aside."""

    def __init__(
        self, content: bytes | memoryview, place: int = 0, *, of_torch: bool = False
    ) -> None:
        self._content = memoryview(content)
        self.place = place
        self._of_torch = of_torch
        self._functions = {**_FUNCTIONS, **TORCH_FUNCTIONS} if of_torch else _FUNCTIONS
        self._expected = 'tensors' if of_torch else 'NumPy arrays'
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._encoded: dict[int | str, bytes] = {}
        self._steps = 0

    def run(self) -> Any:
        while True:
            code = self._content[self.place]
            self.place += 1
            self.count(1)
            if code == _STOP:
                return self.pop()
            step = _STEPS.get(code)
            if step is None or (code == _PERSISTENT and not self._of_torch):
                raise CheckpointError(
                    f'its opcode {code:#04x} at byte {self.place - 1} is none that arrays need'
                )
            step(self)

    def count(self, steps: int) -> None:
        """Raise CheckpointError once a program takes more steps than any real one."""
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise CheckpointError(f'it takes more than {MOST_STEPS} steps to read')

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self._stack.pop()

    def top(self, kind: type) -> Any:
        value = self._stack[-1]
        if not isinstance(value, kind):
            raise ValueError(f'a {kind.__name__} was expected')
        return value

    def pop_to_mark(self) -> list[Any]:
        index = len(self._stack) - 1
        while self._stack[index] is not _MARK:
            index -= 1
            if index < 0:
                raise LookupError('a mark was expected')
        items = self._stack[index + 1 :]
        del self._stack[index:]
        return items

    # ---- what follows an opcode ----------------------------------------------------------------

    def take(self, count: int) -> memoryview:
        if count > len(self._content) - self.place:
            raise LookupError(f'it ends within {count} bytes')
        self.place += count
        return self._content[self.place - count : self.place]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        window = bytes(self._content[self.place : self.place + _MOST_SHORT_BYTES])
        length = window.index(b'\n')
        self.place += length + 1
        return window[:length].decode()

    def text(self, length: int) -> str | _Text:
        content = self.take(length)
        if length > _MOST_SHORT_BYTES:
            return _Text(self.place - length, self.place)
        return _decoded(content)

    def byte_string(self, length: int) -> bytes | memoryview:
        content = self.take(length)
        return content if length > _MOST_SHORT_BYTES else bytes(content)

    # ---- what opcodes do -----------------------------------------------------------------------

    def put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: int) -> None:
        self.push(self._memo[index])

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # PyTorch's optimisers, which a file of a training holds too, number the weights.
            is_number = self._of_torch and type(key) is int
            if not (isinstance(key, str) or is_number):
                raise CheckpointError(f'it has a key of type {type(key).__name__}; expected text')
            if isinstance(key, str) and len(key) > _MOST_KEY_CHARACTERS:
                raise CheckpointError(f'it has a key of {len(key)} characters')
            target[key] = value

    def find(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError('it asks for what has no name')
        if self._of_torch and module == 'torch' and name in STORAGE_DTYPES:
            self.push(STORAGE_DTYPES[name])
            return
        call = self._functions.get((module, name))
        if call is None:
            raise CheckpointError(
                f'it asks for {quoted(f"{module}.{name}")}, which weights do not need, and was '
                f'refused because such a file can run code; expected {self._expected} only'
            )
        self.push(_Function(call))

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Function) or not isinstance(arguments, tuple):
            raise ValueError('it calls what is no function')
        self.push(function.call(self, arguments))

    def build(self) -> None:
        state = self.pop()
        target = self._stack[-1]
        if self._of_torch and isinstance(target, dict):
            return  # attributes of a state dict, its version numbers
        if not isinstance(target, PickledArray | PickledDtype):
            raise CheckpointError(f'it changes a {type(target).__name__}; expected arrays only')
        target.set_state(state)

    def persistent(self) -> None:
        """Push the storage that an identifier names."""
        self.push(PickledStorage.named(self.pop()))

    # ---- what stands for functions -------------------------------------------------------------

    def encode(self, arguments: tuple[Any, ...]) -> bytes:
        """Stand for _codecs.encode, by which protocol 2 carries bytes; each text becomes one."""
        text, encoding = arguments
        if encoding != 'latin1' or not isinstance(text, str | _Text):
            raise ValueError(f'encoding {shown(encoding)}')
        key = text if isinstance(text, str) else text.start
        if key not in self._encoded:
            whole = text if isinstance(text, str) else self._whole(text)
            self._encoded[key] = whole.encode('latin1')
        return self._encoded[key]

    def _whole(self, text: _Text) -> str:
        return _decoded(self._content[text.start : text.stop])

    def ordered_dict(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        pairs = arguments[0] if arguments else []
        if not isinstance(pairs, list | tuple):
            raise ValueError('pairs were expected')
        self.count(len(pairs))
        self.push({})
        self.set_items([item for key, value in pairs for item in (key, value)])
        made: dict[str, Any] = self.pop()
        return made

    def tuple_of(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        [items] = arguments
        if not isinstance(items, tuple | list):
            raise ValueError('a tuple was expected')
        self.count(len(items))
        return tuple(items)


def _decoded(content: memoryview) -> str:
    """Return a text of latin1 characters, for which Python takes one byte each and not four."""
    if len(content) and int(np.frombuffer(content, np.uint8).max()) > _HIGHEST_LATIN1_BYTE:
        raise ValueError('a text is beyond latin1')
    return str(content, 'utf-8')


def _new_array(machine: _Machine, arguments: tuple[Any, ...]) -> PickledArray:
    del machine, arguments
    return PickledArray()


def _new_dtype(machine: _Machine, arguments: tuple[Any, ...]) -> PickledDtype:
    del machine
    return PickledDtype(arguments[0])


_FUNCTIONS: dict[tuple[str, str], _Call] = {
    ('numpy', 'ndarray'): _new_array,
    ('numpy', 'dtype'): _new_dtype,
    ('numpy.core.multiarray', '_reconstruct'): _new_array,
    ('numpy._core.multiarray', '_reconstruct'): _new_array,
    ('_codecs', 'encode'): _Machine.encode,
    ('collections', 'OrderedDict'): _Machine.ordered_dict,
    ('builtins', 'tuple'): _Machine.tuple_of,
    ('__builtin__', 'tuple'): _Machine.tuple_of,
}


def _integer(machine: _Machine) -> None:
    length = machine.number('<B')
    if length > _MOST_INTEGER_BYTES:
        raise ValueError(f'an integer of {length} bytes')
    machine.push(int.from_bytes(machine.take(length), 'little', signed=True))


def _tuple_of_last(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(items)))

    return step


def _number(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(form))


def _constant(value: Any) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(value)


def _text(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.text(machine.number(form)))


def _bytes(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.byte_string(machine.number(form)))


def _skip(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.take(count)

    return step


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _append_all(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.top(list).extend(items)


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items([key, value])


def _find_on_stack(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.find(module, name)


_STOP = ord('.')
_PERSISTENT = ord('Q')
# By opcode, as Python's pickletools lists them.
_STEPS: dict[int, Callable[[_Machine], None]] = {
    0x80: _skip(1),  # the protocol
    0x95: _skip(8),  # the length of a frame
    ord('('): _constant(_MARK),
    ord('N'): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord('J'): _number('<i'),
    ord('K'): _number('<B'),
    ord('M'): _number('<H'),
    ord('G'): _number('>d'),
    0x8A: _integer,
    ord('X'): _text('<I'),
    0x8C: _text('<B'),
    0x8D: _text('<Q'),
    ord('B'): _bytes('<I'),
    ord('C'): _bytes('<B'),
    0x8E: _bytes('<Q'),
    ord(')'): _constant(()),
    0x85: _tuple_of_last(1),
    0x86: _tuple_of_last(2),
    0x87: _tuple_of_last(3),
    ord('t'): lambda machine: machine.push(tuple(machine.pop_to_mark())),
    ord(']'): lambda machine: machine.push([]),
    ord('a'): _append,
    ord('e'): _append_all,
    ord('}'): lambda machine: machine.push({}),
    ord('s'): _set_item,
    ord('u'): lambda machine: machine.set_items(machine.pop_to_mark()),
    ord('c'): lambda machine: machine.find(machine.line(), machine.line()),
    0x93: _find_on_stack,
    ord('q'): lambda machine: machine.put(machine.number('<B')),
    ord('r'): lambda machine: machine.put(machine.number('<I')),
    0x94: _Machine.memoize,
    ord('h'): lambda machine: machine.get(machine.number('<B')),
    ord('j'): lambda machine: machine.get(machine.number('<I')),
    ord('R'): _Machine.reduce,
    ord('b'): _Machine.build,
    _PERSISTENT: _Machine.persistent,
}
