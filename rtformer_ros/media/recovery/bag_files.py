# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Files of a bag one by one: which there are, and how each is read where it was not closed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any

from rtformer_ros.errors import shown_path
from rtformer_ros.media.recovery.recovered_mcap import RecoveredMcap
from rtformer_ros.media.recovery.recovered_sqlite import (
    has_journal,
    is_readable,
    recover_sqlite,
)
from rtformer_ros.media.recovery.zstandard import SUFFIX

BAG_SUFFIXES = frozenset({'.mcap', '.db3'})
"""Names of a bag's files end in one of these."""

METADATA = 'metadata.yaml'


@dataclass(frozen=True)
class RecoveredFile:
    """
    What is whole of a file of a bag.

    source: what rosbags opens in its place. loss: what is lost of it, '' for nothing.
    """

    source: Any
    loss: str


def is_bag(path: Path) -> bool:
    """Return whether a path is a bag's: its folder, also without description, or its file."""
    if path.is_dir():
        return (path / METADATA).is_file() or bool(bag_files(path) or packed_files(path))
    return path.suffix.lower() in BAG_SUFFIXES and path.is_file()


def is_undescribed(path: Path) -> bool:
    """Return whether a bag is a folder in which the description is missing."""
    return path.is_dir() and not (path / METADATA).is_file()


def bag_files(path: Path) -> list[Path]:
    """Return the files of a bag with messages, in the order in which they were recorded."""
    if not path.is_dir():
        return [path] if path.suffix in BAG_SUFFIXES else []
    found = [each for each in path.iterdir() if each.suffix in BAG_SUFFIXES and each.is_file()]
    return sorted(found, key=_recording_order)


def packed_files(path: Path) -> list[Path]:
    """Return the files of a bag that were compressed as a whole, in the order of recording."""
    if not path.is_dir():
        return []
    found = [each for each in path.iterdir() if each.suffix == SUFFIX and each.is_file()]
    return sorted(
        (each for each in found if Path(each.stem).suffix in BAG_SUFFIXES), key=_recording_order
    )


def unclosed(path: Path) -> str:
    """Return why a bag that can be opened is not whole all the same, '' if it is."""
    left = [each.name for each in bag_files(path) if each.suffix == '.db3' and has_journal(each)]
    return f'the journal of {", ".join(left)} was never applied' if left else ''


def recover_file(path: Path, folder: Path, left_out: Collection[int] = ()) -> RecoveredFile:
    """
    Return what is whole of a file of a bag.

    folder: where a copy is written, if one is needed. left_out: the starts of chunks of an mcap
    file that are damaged. Raises OSError, ValueError or sqlite3.Error where nothing can be read.
    """
    if path.suffix == '.db3':
        source = recover_sqlite(path, folder)
        return RecoveredFile(source, f'{shown_path(path)} was not closed: its rows were recovered')
    mcap = RecoveredMcap(path, left_out)
    losses = []
    if mcap.scan.damaged:
        bytes_ = sum(chunk.stop - chunk.start for chunk in mcap.scan.damaged)
        losses.append(f'{len(mcap.scan.damaged)} damaged chunk(s) of {bytes_} bytes are left out')
    if not mcap.scan.has_end:
        losses.append(
            f'it was cut off, and its last {mcap.size - mcap.scan.stop} of {mcap.size} bytes are '
            'lost'
        )
    return RecoveredFile(mcap, f'{shown_path(path)}: {", ".join(losses)}' if losses else '')


def damaged_parts(path: Path, start_ns: int, stop_ns: int) -> set[int]:
    """
    Return what of a file, with times in that span, cannot be read.

    It is the starts of chunks of an mcap file, a single number for a database that is damaged
    anywhere. Empty, too, where that cannot be told.
    """
    try:
        if path.suffix == '.mcap':
            return RecoveredMcap(path).damaged_chunks(start_ns, stop_ns)
        return set() if is_readable(path) else {0}
    except (OSError, ValueError):
        return set()


def _recording_order(path: Path) -> list[tuple[int, str]]:
    return [_number(part) for part in re.split(r'(\d+)', path.name)]


def _number(part: str) -> tuple[int, str]:
    return (int(part), '') if part.isdecimal() and len(part) < 20 else (-1, part)
