# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The record of a trial: on how many pixels OpenVINO sees the classes of a model as it should."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.engines.openvino.cache import compiled_models, folder_of_compiled_models
from rtformer_ros.errors import ModelError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.sha256 import sha256_of_bytes

if TYPE_CHECKING:
    from rtformer_ros.engines.request import EngineRequest

LEAST_AGREEMENT = 0.99
"""Below this share of equal pixels a model is left to others, or to a higher precision."""


def has_library() -> bool:
    """Return whether OpenVINO is installed, without loading it."""
    return bool(_library_facts())


def recorded_agreement(request: EngineRequest, hint: str) -> float | None:
    """
    Return the agreement, 0..1, that a trial of a model came to; None where there was none.

    hint: the precision, by OpenVINO's name. Neither library nor model is loaded.
    """
    folder = folder_of_compiled_models()
    # Not under the folder's lock, which another process may hold while it compiles: a record is
    # there as a whole or not at all.
    with suppress(OSError, ValueError):
        if folder:
            return float((folder / _name(request, hint)).read_text(encoding='ascii'))
    return None


def record_agreement(request: EngineRequest, hint: str, agreement: float) -> None:
    """Keep what a trial came to for later starts, where anything can be kept."""
    with compiled_models() as folder, suppress(ModelError, OSError):
        if folder:
            write_atomically(folder / _name(request, hint), str(agreement).encode())


def disagreement_text(model: str, agreement: float) -> str:
    """Return why OpenVINO in bf16 is left out for a model that sees too much otherwise then."""
    return (
        f'in bf16 it sees the classes that ONNX Runtime sees of {model} on {agreement:.2%} of the '
        f'pixels of the bundled photographs; at least {LEAST_AGREEMENT:.0%} are expected'
    )


def _name(request: EngineRequest, hint: str) -> str:
    """Return the file name of a record: another for all that may lead to other classes."""
    # Here, as it knows what models say and so imports NumPy, without which engines are chosen.
    from rtformer_ros.engines.sidecar import sidecar_path

    model, sidecar = request.model, sidecar_path(request.model)
    files = [_file_facts(path) for path in (model, sidecar) if path.is_file()]
    facts = files, _library_facts(), request.network_size, hint
    return f'{sha256_of_bytes(repr(facts).encode())[:32]}.agreement'


def _file_facts(path: Path) -> tuple[str, int, int]:
    """Return what tells a file from others; to read a model takes a start another 20 ms."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _library_facts() -> tuple[str, int, int] | tuple[()]:
    """Return what tells one installed OpenVINO from another; its version takes 30 ms to find."""
    with suppress(ImportError, ValueError, OSError):
        spec = find_spec('openvino')
        if spec and spec.origin:
            return _file_facts(Path(spec.origin))
    return ()
