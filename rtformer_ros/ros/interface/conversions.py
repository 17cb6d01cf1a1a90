# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Conversions of the values of parameters into what the settings hold."""

from __future__ import annotations

from dataclasses import fields
import re
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.packaged_files import expanded_path
from rtformer_ros.geometry.costmap import GroupCosts
from rtformer_ros.geometry.grids.placed_grid import UNKNOWN_COST
from rtformer_ros.imaging.roi import Roi

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtformer_ros.imaging.resize import Size
    from rtformer_ros.segmenter import OutputSize

PLANNER_GROUPS = tuple(each.name for each in fields(GroupCosts))

_SIZE = re.compile(r'(\d+)x(\d+)')
_MAX_SIDE = 16384
_CAMERA_NAME = re.compile('[A-Za-z](_?[A-Za-z0-9])*_?')


def seconds_of_ms(milliseconds: float) -> float:
    """Return milliseconds as seconds."""
    return milliseconds / 1e3


def split_texts(text: str) -> list[str]:
    """Return the texts in 'one, two' or '[one, two]'; '' has none."""
    parts = text.strip().removeprefix('[').removesuffix(']').split(',')
    return [part.strip().strip('\'"') for part in parts if part.strip()]


def read_none(text: str) -> str:
    """Return the choice, '' for none."""
    return '' if text == 'none' else text


def read_network_size(text: str) -> Size | None:
    """Read 'WIDTHxHEIGHT' in pixels as (height, width), '' as None; raises ConfigError."""
    return _read_size('network_size', text) if text else None


def read_output_size(text: str) -> OutputSize:
    """Read 'source', which '' is too, 'network' or 'WIDTHxHEIGHT'; raises ConfigError."""
    if text in ('source', ''):
        return 'source'
    if text == 'network':
        return 'network'
    return _read_size('output_size', text, "'source', 'network' or ")


def read_roi(fractions: Sequence[float]) -> Roi | None:
    """Read [left, top, right, bottom], fractions of an image, [] as None; raises ConfigError."""
    if not fractions:
        return None
    if len(fractions) != 4:
        raise ConfigError(
            f'roi has {len(fractions)} numbers; expected [left, top, right, bottom] as fractions '
            'of the image, as in [0.0, 0.3, 1.0, 1.0], or [] for the whole image'
        )
    return Roi(*fractions)


def read_camera_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, ('',) for a single camera without one; raises ConfigError."""
    # A list of one empty text is how a YAML file writes an empty list of texts for ROS.
    named = tuple(name for name in names if name)
    wrong = [name for name in named if not _CAMERA_NAME.fullmatch(name)]
    if wrong:
        raise ConfigError(
            f"cameras has the name '{wrong[0]}'; expected letters, digits and single underscores, "
            "with a letter first, as in 'front': it becomes part of topic names"
        )
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise ConfigError(
            f"cameras has '{twice[0]}' more than once; give each camera its own name"
        )
    return named or ('',)


def read_folders(texts: Sequence[str]) -> tuple[Path, ...]:
    """Read folders, with ~ and $HOME expanded; raises ConfigError for one that is not absolute."""
    folders = tuple(expanded_path(text.strip()) for text in texts if text.strip())
    for folder in folders:
        if not folder.is_absolute():
            raise ConfigError(
                f'allowed_folders has {quoted(str(folder))}; expected absolute paths of folders'
            )
    return folders


def read_group_costs(text: str) -> GroupCosts:
    """Read 'GROUP=COST, ...'; a group that is not named is unknown. Raises ConfigError."""
    costs = dict.fromkeys(PLANNER_GROUPS, UNKNOWN_COST)
    for part in filter(str.strip, text.split(',')):
        group, _, cost = (each.strip() for each in part.partition('='))
        _check_group('costmap.costs', group)
        try:
            costs[group] = int(cost)
        except ValueError as error:
            raise ConfigError(
                f"costmap.costs: '{part.strip()}' is no pair; expected 'drivable=0, obstacle=100'"
            ) from error
    return GroupCosts(**costs)


def read_free_groups(text: str) -> tuple[str, ...]:
    """Read 'GROUP, ...'; raises ConfigError."""
    groups = tuple(filter(None, (each.strip() for each in text.split(','))))
    for group in groups:
        _check_group('scan.free_groups', group)
    return groups


def _check_group(parameter: str, group: str) -> None:
    if group not in PLANNER_GROUPS:
        raise ConfigError(
            f"{parameter}: '{group}' is no planner group; expected one of: "
            f'{", ".join(PLANNER_GROUPS)}'
        )


def _read_size(name: str, text: str, others: str = '') -> Size:
    match = _SIZE.fullmatch(text)
    if match is not None:
        width, height = int(match[1]), int(match[2])
        if 1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE:
            return height, width
    raise ConfigError(
        f"{name} is '{text}'; expected {others}'WIDTHxHEIGHT' in pixels, 1 to {_MAX_SIDE} each, "
        "as in '640x480'"
    )
