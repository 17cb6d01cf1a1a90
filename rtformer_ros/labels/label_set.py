# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Label set: names, colours and planner groups of the classes that a model tells apart."""

from __future__ import annotations

from collections import Counter
import colorsys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
import re
from typing import Any, get_args, Literal

from rtformer_ros.errors import ConfigError, kind_of, listed, quoted
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.segmentation import UNLABELED_ID

PlannerGroup = Literal['drivable', 'walkable', 'obstacle', 'dynamic', 'sky', 'other']
ColorRgb = tuple[int, int, int]

MAX_CLASSES = UNLABELED_ID
_GROUPS: tuple[str, ...] = get_args(PlannerGroup)
_CLASS_KEYS = frozenset({'name', 'color', 'group'})
_MOST_NAME_CHARACTERS = 100
# Control characters, line separators and halves of surrogate pairs.
_UNPRINTABLE = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


@dataclass(frozen=True)
class LabelClass:
    """One class: its name, its colour (RGB, 0..255) and what it means to a planner."""

    name: str
    color_rgb: ColorRgb
    group: PlannerGroup = 'other'


@dataclass(frozen=True)
class LabelSet:
    """
    The classes of a model; the id of a class is its place in `classes`.

    name: what the set is called ('camvid'). ignore_id: the id in ground-truth pictures that is
    left out of training and scores; it is no class.
    """

    name: str
    classes: tuple[LabelClass, ...]
    ignore_id: int = UNLABELED_ID

    def __post_init__(self) -> None:
        """Raise ConfigError unless the ids fit a uint8 map and the names are distinct."""
        _check_count(len(self.classes), f'label set {quoted(self.name)}')
        counts = Counter(label.name.casefold() for label in self.classes)
        repeated = sorted(name for name, count in counts.items() if count > 1)
        if repeated:
            raise ConfigError(
                f'label set {quoted(self.name)} repeats the class name(s) {listed(repeated)}; '
                'give every class a name of its own'
            )

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self.classes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""
        return tuple(label.name for label in self.classes)

    def id_of(self, class_name_or_id: str) -> int:
        """
        Return the id that a user's text means: a class name (any case) or a number.

        Raises ConfigError for a name or number that no class has.
        """
        text = class_name_or_id.strip()
        folded = text.casefold()
        for class_id, label in enumerate(self.classes):
            if label.name.casefold() == folded:
                return class_id
        if text.isdecimal() and int(text) < len(self):
            return int(text)
        raise ConfigError(
            f'{quoted(text)} is no class of label set {quoted(self.name)}; expected an id from 0 '
            f'to {len(self) - 1} or one of: {listed(self.names)}'
        )

    @classmethod
    def generic(cls, num_classes: int, name: str = 'unnamed') -> LabelSet:
        """Return `num_classes` classes called class_0, class_1, ... in distinct colours."""
        colors = distinct_colors(num_classes)
        return cls(name, tuple(LabelClass(f'class_{i}', c) for i, c in enumerate(colors)))

    @classmethod
    def from_dict(cls, data: Any, source: str) -> LabelSet:
        """
        Build a label set from plain data of the form that `to_dict` gives.

        `source` names the origin in errors. Raises ConfigError, naming the entry at fault.
        """
        if not isinstance(data, dict) or not isinstance(data.get('classes'), list):
            raise ConfigError(
                f"{source}: expected a mapping with a list 'classes' of {{name, color, group}}"
            )
        _check_count(len(data['classes']), f'{source}: it')
        classes = tuple(
            _label_class(entry, f'{source}: class {i}') for i, entry in enumerate(data['classes'])
        )
        ignore_id = data.get('ignore_id', UNLABELED_ID)
        if not _is_byte(ignore_id):
            raise ConfigError(f'{source}: ignore_id is {kind_of(ignore_id)}; expected 0 to 255')
        name = _checked_name(str(data.get('name', Path(source).stem)), f'{source}: its name')
        return cls(name, classes, ignore_id)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (for YAML, JSON and model metadata) that `from_dict` takes."""
        return {
            'name': self.name,
            'ignore_id': self.ignore_id,
            'classes': [
                {'name': c.name, 'color': list(c.color_rgb), 'group': c.group}
                for c in self.classes
            ],
        }


def load_labels(path: Path) -> LabelSet:
    """Read a label set from a YAML file; raises ConfigError, naming the file and the entry."""
    return LabelSet.from_dict(read_yaml(path, 'label file'), str(path))


def distinct_colors(count: int) -> list[ColorRgb]:
    """Return `count` RGB colours that differ in hue (golden-ratio steps) and brightness."""
    colors = []
    for index in range(count):
        hue = index * 0.61803398875 % 1.0
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, (1.0, 0.7, 0.85)[index % 3])
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colors


def _label_class(entry: Any, where: str) -> LabelClass:
    if not isinstance(entry, dict) or not isinstance(entry.get('name'), str):
        raise ConfigError(f"{where}: expected a mapping with a text 'name', got {kind_of(entry)}")
    unknown = sorted(set(entry) - _CLASS_KEYS)
    if unknown:
        raise ConfigError(f'{where}: unknown key(s) {listed(unknown)}')
    name = _checked_name(entry['name'], f'{where}: its name')
    color, group = entry.get('color'), entry.get('group', 'other')
    if not isinstance(color, list) or len(color) != 3 or not all(map(_is_byte, color)):
        raise ConfigError(
            f'{where} {quoted(name)}: color is {kind_of(color)}; expected [r, g, b], 0..255'
        )
    if group not in _GROUPS:
        raise ConfigError(
            f'{where} {quoted(name)}: group is {kind_of(group)}; expected one of '
            f'{", ".join(_GROUPS)}'
        )
    return LabelClass(name, (color[0], color[1], color[2]), group)


def _check_count(count: int, which: str) -> None:
    if not 1 <= count <= MAX_CLASSES:
        raise ConfigError(
            f'{which} has {count} classes; expected 1 to {MAX_CLASSES} (a mask holds uint8 ids '
            f'and {UNLABELED_ID} means unlabelled)'
        )


def _checked_name(name: str, which: str) -> str:
    """Return a name that fits into logs and legends."""
    if len(name) > _MOST_NAME_CHARACTERS or _UNPRINTABLE.search(name):
        raise ConfigError(
            f'{which} is {kind_of(name)}; expected at most {_MOST_NAME_CHARACTERS} characters of '
            'one line'
        )
    return name


def _is_byte(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
