# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Declaration of a parameter: its description for ROS, and the check of its values."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, KW_ONLY
from types import MappingProxyType
from typing import Any, TypeAlias

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.ros.interface.conversions import split_texts

ParameterValue: TypeAlias = bool | int | float | str | tuple[str, ...] | tuple[float, ...]

_KINDS: Mapping[type, str] = MappingProxyType(
    {
        bool: 'a boolean: true or false',
        int: 'an integer',
        float: 'a floating-point number',
        str: 'a text',
    }
)
_LIST_KINDS: Mapping[type, str] = MappingProxyType(
    {
        str: "a list of texts, as in ['one', 'two']",
        float: 'a list of numbers, as in [0.5, 1.0]',
    }
)


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class ParameterSpec:
    """
    Parameter: its name, its default (whose type is its type) and what it may be.

    minimum, maximum: the range of a number, both included. choices: all values a text may have.
    read_only: it is tied to the process and cannot change while the node runs. A tuple is an array
    in ROS; items: the type of what is in it. unit: of a number, '' where it has none. details:
    what the documentation says beyond the description, in Markdown. settings_field: the field of
    the node's settings that it fills, as in 'frame.camera.pitch_rad'; '' for that of its own name
    in its group's section.
    has_commas: a text is a list with commas, for which a list of texts does as well.
    convert: turns a value into that field's; may raise ConfigError.
    """

    name: str
    default: ParameterValue
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    _: KW_ONLY
    unit: str = ''
    details: str = ''
    settings_field: str = ''
    has_commas: bool = False
    items: type[str] | type[float] = str
    convert: Callable[[Any], Any] = _as_it_is

    @property
    def ros_default(self) -> bool | int | float | str | list[Any]:
        """Return the default as ROS and YAML take it."""
        return list(self.default) if isinstance(self.default, tuple) else self.default

    @property
    def range_text(self) -> str:
        """Return the range with the unit, as in '0 to 1000 ms'; '' where there is none."""
        if self.minimum is None or self.maximum is None:
            return ''
        # Ten digits: the six of a plain g would write the largest number of MiB as 1.04858e+06.
        return f'{self.minimum:.10g} to {self.maximum:.10g} {self.unit}'.rstrip()

    def descriptor(self) -> ParameterDescriptor:
        """Return what ROS tells people about this parameter and checks by itself."""
        descriptor = ParameterDescriptor(
            description=self.description,
            read_only=self.read_only,
            # An empty list has no type in YAML, so ROS would refuse it for one of texts, and one
            # of integers for one of floating-point numbers.
            dynamic_typing=self.is_list,
        )
        if self.choices:
            descriptor.additional_constraints = f'one of: {", ".join(self.choices)}'
        if self.minimum is None or self.maximum is None:
            return descriptor
        if isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(self.minimum), to_value=float(self.maximum))
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum), step=1)
            ]
        return descriptor

    def value_of(self, ros_value: object) -> ParameterValue:
        """
        Return the value that a user means by one of ROS; raises ConfigError for another type.

        An integer does for a floating-point number and for a text, and a list of texts for a text
        with commas, and the other way round; in a list, too. A list that is empty, whatever its
        type, or not set, which is how an empty list comes from a YAML file, is ().
        """
        kind = type(self.default)
        if self.is_list:
            parts = split_texts(ros_value) if isinstance(ros_value, str) else ros_value
            items = _texts(parts) if self.items is str else _numbers(parts)
            if items is not None:
                return items
        elif isinstance(ros_value, kind) and not (kind is int and isinstance(ros_value, bool)):
            return ros_value
        elif isinstance(ros_value, int) and not isinstance(ros_value, bool):
            if kind in (float, str):
                return kind(ros_value)
        elif self.has_commas and (names := _texts(ros_value)) is not None:
            return ', '.join(names)
        expected = _LIST_KINDS[self.items] if self.is_list else _KINDS[kind]
        raise ConfigError(f'{self.name} is {quoted(ros_value)}; expected {expected}')

    def check(self, value: ParameterValue) -> None:
        """Raise ConfigError, saying what is allowed, unless the value is."""
        if self.choices and value not in self.choices:
            raise ConfigError(
                f"{self.name} is '{value}'; expected one of: {', '.join(self.choices)}"
            )
        if isinstance(value, str | tuple) or self.minimum is None or self.maximum is None:
            return
        if not self.minimum <= value <= self.maximum:
            raise ConfigError(
                f'{self.name} is {value}; expected {self.minimum:g} to {self.maximum:g}'
            )

    @property
    def is_list(self) -> bool:
        """Return whether it is a list."""
        return isinstance(self.default, tuple)


@dataclass(frozen=True)
class ParameterGroup:
    """
    Parameters that belong together.

    section: the part of the node's settings that they fill, '' for the whole. note: what holds for
    all of them, in plain sentences. page: where in docs/ there is more, as in 'planners.md#scan'.
    """

    title: str
    section: str
    specs: tuple[ParameterSpec, ...]
    note: str = ''
    page: str = ''

    def settings_field(self, spec: ParameterSpec) -> str:
        """Return the field of the node's settings that one of the parameters fills."""
        own = f'{self.section}.{spec.name}' if self.section else spec.name
        return spec.settings_field or own


def _texts(value: object) -> tuple[str, ...] | None:
    """Return a list of texts as a tuple, () for none or an empty one of any type; else None."""
    if value is None:
        return ()
    if isinstance(value, list | tuple | array) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def _numbers(value: object) -> tuple[float, ...] | None:
    """Return a list of numbers, or of texts that are some, as a tuple, () for none; else None."""
    if value is None:
        return ()
    if isinstance(value, list | tuple | array) and not any(isinstance(x, bool) for x in value):
        with suppress(TypeError, ValueError):
            return tuple(float(each) for each in value)
    return None
