"""Label set: names, colours and planner groups of the classes that a model tells apart."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from rtformer_ros.errors import ConfigError
from rtformer_ros.segmentation import UNLABELED_ID

PlannerGroup = Literal['drivable', 'walkable', 'obstacle', 'dynamic', 'sky', 'other']
ColorRgb = tuple[int, int, int]

MAX_CLASSES = UNLABELED_ID
_GROUPS: tuple[str, ...] = get_args(PlannerGroup)
_CLASS_KEYS = frozenset({'name', 'color', 'group'})


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
        if not 1 <= len(self.classes) <= MAX_CLASSES:
            raise ConfigError(
                f"label set '{self.name}' has {len(self.classes)} classes; expected 1 to "
                f'{MAX_CLASSES} (a mask holds uint8 ids and {UNLABELED_ID} means unlabelled)'
            )
        folded = [label.name.casefold() for label in self.classes]
        repeated = sorted({name for name in folded if folded.count(name) > 1})
        if repeated:
            raise ConfigError(
                f"label set '{self.name}' repeats the class name(s) {', '.join(repeated)}; "
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
            f"'{text}' is no class of label set '{self.name}'; expected an id from 0 to "
            f'{len(self) - 1} or one of: {", ".join(self.names)}'
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
        classes = tuple(
            _label_class(entry, f'{source}: class {i}') for i, entry in enumerate(data['classes'])
        )
        ignore_id = data.get('ignore_id', UNLABELED_ID)
        if not _is_byte(ignore_id):
            raise ConfigError(f'{source}: ignore_id is {ignore_id!r}; expected 0 to 255')
        return cls(str(data.get('name', Path(source).stem)), classes, ignore_id)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (for YAML, JSON and model metadata) that `from_dict` takes."""
        return {
            'name': self.name,
            'ignore_id': self.ignore_id,
            'classes': [
                {'name': c.name, 'color': list(c.color_rgb), 'group': c.group} for c in self.classes
            ],
        }


def load_labels(path: Path) -> LabelSet:
    """Read a label set from a YAML file; raises ConfigError, naming the file and the entry."""
    try:
        data = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f'cannot read the label file {path}: {error}') from error
    return LabelSet.from_dict(data, str(path))


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
        raise ConfigError(f"{where}: expected a mapping with a text 'name', got {entry!r}")
    unknown = sorted(set(entry) - _CLASS_KEYS)
    if unknown:
        raise ConfigError(f'{where}: unknown key(s) {", ".join(map(str, unknown))}')
    color, group = entry.get('color'), entry.get('group', 'other')
    if not isinstance(color, list) or len(color) != 3 or not all(map(_is_byte, color)):
        raise ConfigError(
            f"{where} '{entry['name']}': color is {color!r}; expected [r, g, b], 0..255"
        )
    if group not in _GROUPS:
        raise ConfigError(
            f"{where} '{entry['name']}': group is {group!r}; expected one of {', '.join(_GROUPS)}"
        )
    return LabelClass(entry['name'], (color[0], color[1], color[2]), group)


def _is_byte(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
