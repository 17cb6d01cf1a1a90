# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read and write files of weights, whatever network they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import json
import os
from pathlib import Path
from typing import Any, get_args, Literal

from rtformer_ros.errors import CheckpointError, ConfigError, quoted, shown
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.text_file import open_regular
from rtformer_ros.network.weights.paddleseg import read_pdparams
from rtformer_ros.network.weights.torch_file import read_torch_file
import safetensors
import safetensors.torch
import torch
from torch import Tensor

_HEADER = 'rtformer_ros'
LAYERED, PARALLEL = 'layered', 'parallel'
"""What the header of a file of quantised weights has: of several precisions, or of groups."""

QuantisedKind = Literal['layered', 'parallel']

UNUSED_SUFFIX = 'num_batches_tracked'
"""Of the names of a state dict's counters, which no network here reads."""
# Outermost first: of a checkpoint, of a module that holds the network, of data-parallel training.
_PREFIXES = ('state_dict.', 'model.', 'module.', 'model.')
_TORCH_SUFFIXES = ('.pth', '.pt', '.tar')
_LENGTH_BYTES = 8
_MOST_BYTES = 1 << 31
_MOST_HEADER_BYTES = 1 << 23
_MOST_KEY_CHARACTERS = 200
_FLOAT_KINDS = frozenset({'F64', 'F32', 'F16', 'BF16'})
_PLANE_KIND = 'U8'
_INSTEAD: dict[QuantisedKind, str] = {
    'layered': (
        'holds quantised weights for several precisions, which are run as ONNX: '
        "'ros2 run rtformer_ros export {name} MODEL.onnx --precision int8', or a lower one of its "
        'precisions'
    ),
    'parallel': (
        'holds parallel groups of quantised weights, which are run as ONNX: '
        "'ros2 run rtformer_ros export {name} MODEL.onnx'"
    ),
}


@dataclass(frozen=True)
class WeightsFile:
    """
    What a file of weights holds.

    state: float32 tensors by the network's names, without num_batches_tracked; header: what
    write_weights was given, {} for a file that it did not write.
    """

    state: dict[str, Tensor]
    header: dict[str, Any]

    @property
    def notes(self) -> dict[str, str]:
        """Further text, such as how the weights were trained."""
        notes: dict[str, str] = self.header.get('notes', {})
        return notes


def read_weights(path: Path) -> WeightsFile:
    """
    Read a .safetensors file, .pdparams of PaddleSeg or PaddleClas, or PyTorch's .pth, .pt or .tar.

    Prefixes that all names have in common ('module.', 'model.', 'state_dict.') are left out.
    Raises CheckpointError for a file that is missing, broken or of another kind, and for
    quantised weights, whose readers are load_layered and load_parallel.
    """
    if path.suffix == '.pdparams':
        state, text = read_pdparams(path), None
    elif path.suffix == '.safetensors':
        kind = quantised_kind(path)
        if kind:
            raise CheckpointError(f'{path} {_INSTEAD[kind].format(name=path.name)}')
        state, text = _read_safetensors(path)
    elif path.suffix in _TORCH_SUFFIXES:
        state, text = read_torch_file(path, UNUSED_SUFFIX), None
    else:
        raise CheckpointError(
            f'{path} {_what_is_wrong(path)}; expected a file of weights: .safetensors (written by '
            'save_checkpoint), .pdparams (from PaddleSeg or PaddleClas) or .pth (from PyTorch)'
        )
    state = _without_prefix(state)
    used = {key: value for key, value in state.items() if not key.endswith(UNUSED_SUFFIX)}
    return WeightsFile(used, {} if text is None else _parsed(text, path))


def _what_is_wrong(path: Path) -> str:
    """Return what keeps a path from being read whose name says nothing."""
    if path.is_dir():
        return 'is a folder'
    return f"has the suffix '{path.suffix}'" if path.exists() else 'does not exist'


def quantised_kind(path: Path) -> QuantisedKind | None:
    """
    Return which kind of quantised weights a file holds, None for a file of others.

    Raises CheckpointError for a .safetensors file that is missing or broken.
    """
    if path.suffix != '.safetensors':
        return None
    with _translated(path), safetensors.safe_open(path, framework='pt') as file:
        text = (file.metadata() or {}).get(_HEADER)
    header = {} if text is None else _parsed(text, path)
    return next((kind for kind in get_args(QuantisedKind) if kind in header), None)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """
    Return the tensors of a .safetensors file by name, float32 or uint8, and its header.

    Raises CheckpointError as read_weights does.
    """
    state, text = _read_safetensors(path, (_PLANE_KIND,))
    return state, {} if text is None else _parsed(text, path)


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the names without what a wrapper of the network set before all of them."""
    for prefix in _PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def write_weights(
    path: Path, state: Mapping[str, Tensor], header: Mapping[str, Any], *, half: bool = False
) -> None:
    """
    Write weights with a header, plain data, as .safetensors; the file appears whole or not at all.

    half: store convolutions and linear layers as FP16; they are read back as float32. Raises
    CheckpointError for another suffix and for weights that FP16 cannot hold, ModelError when it
    cannot be written.
    """
    if path.suffix != '.safetensors':
        raise CheckpointError(f'{path}: weights are written as .safetensors; choose that suffix')
    stored = _halved(state) if half else dict(state)
    # One entry, because safetensors writes several in random order.
    metadata = {_HEADER: json.dumps(header)}
    write_atomically(path, safetensors.torch.save(stored, metadata=metadata))


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # The statistics and scales of batch norm are few, and small differences in them count.
    stored = {key: value.half() if value.ndim >= 2 else value for key, value in state.items()}
    for key, value in stored.items():
        if not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"'{key}' holds numbers too large for FP16; store it as float32")
    return stored


def _read_safetensors(
    path: Path, more_kinds: tuple[str, ...] = ()
) -> tuple[dict[str, Tensor], str | None]:
    with _translated(path), safetensors.safe_open(path, framework='pt') as file:
        keys = file.keys()
        state = {key: _tensor(file, key, more_kinds) for key in keys}
        return state, (file.metadata() or {}).get(_HEADER)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        _check_header(path)
        yield
    except (OSError, safetensors.SafetensorError, _NoWeights) as error:
        reason = getattr(error, 'strerror', None) or shown(str(error))
        raise CheckpointError(
            f'{path} is missing, cut short or no safetensors file ({reason}); fetch it again'
        ) from error


class _NoWeights(Exception):
    """Stand for a file that the library would read, but that holds no weights."""


def _check_header(path: Path) -> None:
    """Raise _NoWeights for a file or a header larger than those of any network here."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(_LENGTH_BYTES), 'little')
    if size > _MOST_BYTES or length > min(size, _MOST_HEADER_BYTES):
        raise _NoWeights(f'a header of {length} bytes in a file of {size}')


def _tensor(file: Any, key: str, more_kinds: tuple[str, ...]) -> Tensor:
    kind: str = file.get_slice(key).get_dtype()
    if len(key) > _MOST_KEY_CHARACTERS:
        raise _NoWeights(f'a key of {len(key)} characters')
    is_known = kind in _FLOAT_KINDS or kind in more_kinds
    if not is_known and not key.endswith(UNUSED_SUFFIX):
        raise _NoWeights(f'key {quoted(key)} holds {kind}; expected float weights')
    tensor: Tensor = file.get_tensor(key)
    return tensor.float() if kind in _FLOAT_KINDS else tensor


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        header = parse_json(text, f"{path}: its header '{_HEADER}'")
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    notes = header.get('notes', {}) if isinstance(header, dict) else None
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise CheckpointError(
            f"{path}: its header '{_HEADER}' is no JSON object with an object 'notes' of texts"
        )
    assert isinstance(header, dict)
    return header
