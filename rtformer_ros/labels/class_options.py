# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Class options as people write them: remaps, filters and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.labels.palette import parse_color
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from rtformer_ros.labels.label_set import ColorRgb, LabelSet


def parse_class_remap(text: str, labels: LabelSet) -> bytes:
    """
    Read 'FROM=TO, ...' into the id that each of the ids 0..255 becomes.

    FROM is a class (name or id); TO a class, or any id 0..255, 255 being unlabelled. Returns 256
    bytes, or b'' for an empty text. Raises ConfigError, naming the entry at fault.
    """
    pairs = _pairs(text, 'class_remap', 'Pavement=Road, Tree=255')
    if not pairs:
        return b''
    table = bytearray(range(256))
    for source, target in pairs:
        table[labels.id_of(source)] = _published_id(target, labels)
    return bytes(table)


def parse_class_filter(text: str, labels: LabelSet) -> frozenset[int] | None:
    """
    Read 'CLASS, ...' into the ids to show; None, for an empty text, shows all.

    Raises ConfigError for a class that the label set does not have.
    """
    names = [part for part in text.split(',') if part.strip()]
    return frozenset(_published_id(name, labels) for name in names) if names else None


def parse_colors(text: str, labels: LabelSet) -> dict[int, ColorRgb]:
    """
    Read 'CLASS=#rrggbb, ...' into colours (RGB, 0..255) by id.

    Raises ConfigError, naming the entry at fault.
    """
    colors: dict[int, ColorRgb] = {}
    for name, color in _pairs(text, 'colors', 'Road=#804080'):
        colors[_published_id(name, labels)] = parse_color(color)
    return colors


def _published_id(text: str, labels: LabelSet) -> int:
    stripped = text.strip()
    if stripped.isdecimal() and int(stripped) <= UNLABELED_ID:
        return int(stripped)
    return labels.id_of(stripped)


def _pairs(text: str, option: str, example: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(str.strip, text.split(',')):
        left, equals, right = part.partition('=')
        if not (equals and left.strip() and right.strip()):
            raise ConfigError(f"{option}: {quoted(part.strip())} is no pair; expected '{example}'")
        pairs.append((left.strip(), right.strip()))
    return pairs
