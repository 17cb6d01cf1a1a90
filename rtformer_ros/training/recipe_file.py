# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read recipes from YAML, change single values of them, and write them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
import math
from pathlib import Path
import types
from typing import Any, get_args, get_origin, get_type_hints, Literal, Union

from rtformer_ros.errors import ConfigError, listed, quoted
from rtformer_ros.files.packaged_files import share_directories
from rtformer_ros.files.yaml_file import parse_yaml, read_yaml
from rtformer_ros.training.recipe import Recipe


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raises ConfigError, naming the file and the key at fault."""
    return recipe_from_dict(read_yaml(path, 'recipe') or {}, str(path))


def find_recipe(text: str) -> Path:
    """
    Return the recipe that a user means: a file, or the name of a packaged one ('camvid').

    Raises ConfigError, naming the packaged ones.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path
    folders = [share / 'config' / 'recipes' for share in share_directories()]
    for folder in folders:
        if (folder / f'{text}.yaml').is_file():
            return folder / f'{text}.yaml'
    known = sorted({file.stem for folder in folders for file in folder.glob('*.yaml')})
    raise ConfigError(
        f"there is no recipe '{text}'; give the path of a YAML file or one of: {', '.join(known)}"
    )


def recipe_from_dict(data: Any, source: str) -> Recipe:
    """Build a recipe from plain data; what is left out keeps its default. Raises ConfigError."""
    recipe = _build(Recipe, data, source)
    assert isinstance(recipe, Recipe)
    return recipe


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return plain data that `recipe_from_dict` takes and YAML can hold."""
    plain = _plain(asdict(recipe))
    assert isinstance(plain, dict)
    return plain


def with_changes(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """
    Return a recipe with some values changed.

    changes: value by dotted name ('loss.label_smoothing'). Raises ConfigError for a name or a
    value that no recipe has.
    """
    data = recipe_to_dict(recipe)
    for name, value in changes.items():
        *parents, leaf = name.split('.')
        section = data
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                raise ConfigError(f"a recipe has no '{name}'; the sections are {_sections(data)}")
            section = section[parent]
        section[leaf] = value
    return recipe_from_dict(data, 'the changed recipe')


def parse_change(text: str) -> tuple[str, Any]:
    """Return name and value of 'name=value', the value read as YAML; raises ConfigError."""
    name, equals, value = text.partition('=')
    if not equals:
        raise ConfigError(
            f'{quoted(text)} changes nothing; expected name=value, as in optimizer.lr=1e-3'
        )
    return name.strip(), _number_or_value(parse_yaml(value, f'the value of {quoted(name)}'))


def differences(old: Recipe, new: Recipe) -> list[str]:
    """Return one line for each value in which two recipes differ ('steps: 100 -> 200')."""
    before, after = _flat(recipe_to_dict(old)), _flat(recipe_to_dict(new))
    return [f'{key}: {before[key]} -> {after[key]}' for key in after if before[key] != after[key]]


def _build(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise ConfigError(f'{where}: expected a mapping, got {quoted(data)}')
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    unknown = [str(key) for key in data if key not in names]
    if unknown:
        raise ConfigError(
            f'{where}: unknown key(s) {listed(unknown)}; expected {", ".join(names)}'
        )
    values = {name: _value(hints[name], data[name], f'{where}: {name}') for name in data}
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f'{where}: {error}') from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return a value as the type that a field declares."""
    if is_dataclass(hint):
        return _build(hint, value, where)
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _checked(value, value in choices, where, f'one of {", ".join(choices)}')
    if origin in (Union, types.UnionType):
        return None if value is None else _value(choices[0], value, where)
    if origin is tuple:
        return _tuple(choices, value, where)
    return _scalar(hint, value, where)


def _tuple(item_types: Sequence[Any], value: Any, where: str) -> tuple[Any, ...]:
    is_open = len(item_types) == 2 and item_types[1] is Ellipsis
    is_list = isinstance(value, (list, tuple))
    expected = 'a list' if is_open else f'a list of {len(item_types)}'
    _checked(value, is_list and (is_open or len(value) == len(item_types)), where, expected)
    return tuple(_scalar(item_types[0], item, where) for item in value)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    value = _number_or_value(value) if kind is float else value
    if kind is bool or kind is str:
        name = 'true or false' if kind is bool else 'text'
        return _checked(value, isinstance(value, kind), where, name)
    is_number = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    )
    if kind is int:
        return _checked(value, is_number and value == int(value), where, 'a whole number')
    return float(_checked(value, is_number, where, 'a number'))


def _number_or_value(value: Any) -> Any:
    """Return text such as '1e-3' as a number: YAML 1.1 asks for 1.0e-3."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _checked(value: Any, holds: bool, where: str, expected: str) -> Any:
    if not holds:
        raise ConfigError(f'{where} is {quoted(value)}; expected {expected}')
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _flat(data: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f'{prefix}{key}.'))
        else:
            flat[prefix + key] = value
    return flat


def _sections(data: Mapping[str, Any]) -> str:
    return ', '.join(key for key, value in data.items() if isinstance(value, dict))
