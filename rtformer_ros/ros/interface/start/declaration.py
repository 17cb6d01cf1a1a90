# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Declare parameters, and read what users give for them: in files, commands, at runtime."""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from rtformer_ros.errors import ConfigError, listed, quoted, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rclpy.node import Node
    from rtformer_ros.ros.interface.parameter_spec import ParameterSpec, ParameterValue

QOS_OVERRIDES = 'qos_overrides.'
"""What the names of ROS's own parameters for QoS begin with."""

_LIST_TYPES: Mapping[type, Parameter.Type] = MappingProxyType(
    {str: Parameter.Type.STRING_ARRAY, float: Parameter.Type.DOUBLE_ARRAY}
)
# Declared by rclpy, whenever it comes to need them.
_OF_ROS = frozenset({'use_sim_time', 'start_type_description_service'})


def declare(node: Node, specs: Iterable[ParameterSpec]) -> dict[str, ParameterValue]:
    """
    Declare parameters on a node and return their values by name.

    What was given for names that are not among them is warned of. Raises ConfigError for a value
    of the wrong type or out of range, naming the parameter and what is allowed.
    """
    # rclpy has no public way to list what files and command line gave.
    given: Mapping[str, Parameter] = node._parameter_overrides
    values: dict[str, ParameterValue] = {}
    for spec in specs:
        value = spec.value_of(given[spec.name].value) if spec.name in given else spec.default
        spec.check(value)
        try:
            _declare_one(node, spec, value)
        except ParameterException as error:
            raise ConfigError(
                f'parameter {spec.name}: {error} Expected: {spec.description}'
            ) from error
        values[spec.name] = value
    _declare_qos_overrides(node, given)
    unknown = _unknown(given, values)
    if unknown:
        node.get_logger().warning(f'unknown parameters, which have no effect: {listed(unknown)}')
    return values


def meant(
    parameters: Sequence[Parameter], specs: Mapping[str, ParameterSpec], node: Node
) -> list[Parameter]:
    """
    Return parameters as they are declared, without those read-only ones that do not change.

    So the node's own dump can be loaded. Raises ConfigError for a name that the node does not know
    and a value of another type.
    """
    read: list[Parameter] = []
    for parameter in parameters:
        if not node.has_parameter(parameter.name):
            # rclpy refuses it, too, but loses the name.
            raise ConfigError(
                f'{quoted(parameter.name)} is no parameter of this node'
                f'{_nearest(parameter.name, specs)}; ros2 param list names them all'
            )
        spec = specs.get(parameter.name)
        if spec is not None:
            value = _for_ros(spec.value_of(parameter.value))
            # An empty list has no type by itself.
            kind = _LIST_TYPES[spec.items] if spec.is_list else None
            parameter = Parameter(parameter.name, kind, value)
        if not _is_fixed_and_the_same(parameter, node):
            read.append(parameter)
    return read


def _is_fixed_and_the_same(parameter: Parameter, node: Node) -> bool:
    return bool(
        node.has_parameter(parameter.name)
        and node.describe_parameter(parameter.name).read_only
        and node.get_parameter(parameter.name).value == parameter.value
    )


def _declare_one(node: Node, spec: ParameterSpec, value: ParameterValue) -> None:
    descriptor = spec.descriptor()
    if value != ():
        node.declare_parameter(spec.name, _for_ros(value), descriptor, ignore_override=True)
        return
    # An empty list has no type by itself; a client shall be told what it is one of.
    node.declare_parameter(
        spec.name, [spec.items()], ParameterDescriptor(dynamic_typing=True), ignore_override=True
    )
    node.set_parameters([Parameter(spec.name, _LIST_TYPES[spec.items], [])])
    node.set_descriptor(spec.name, descriptor)


def _for_ros(value: ParameterValue) -> bool | int | float | str | list[Any]:
    return list(value) if isinstance(value, tuple) else value


def _declare_qos_overrides(node: Node, given: Mapping[str, Parameter]) -> None:
    """Declare ROS's own parameters for QoS, those that were given."""
    for name, parameter in given.items():
        if name.startswith(QOS_OVERRIDES):
            descriptor = ParameterDescriptor(
                description='QoS override of ROS', read_only=True, dynamic_typing=True
            )
            node.declare_parameter(name, parameter.value, descriptor, ignore_override=True)


def _unknown(given: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the names that mean nothing, each with the nearest that does."""
    return [
        f'{shown(name)}{_nearest(name, known)}'
        for name in given
        if name not in known and name not in _OF_ROS and not name.startswith(QOS_OVERRIDES)
    ]


def _nearest(name: str, known: Collection[str]) -> str:
    found = get_close_matches(name, known, n=1)
    return f' (nearest: {found[0]})' if found else ''
