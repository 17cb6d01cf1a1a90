# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Remote parameters: declarations and values of the node's, and how they are set."""

from __future__ import annotations

from typing import Any, TYPE_CHECKING

from rcl_interfaces.msg import ParameterDescriptor, ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter, parameter_value_to_python
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.ros.interface.parameters import GROUPS, SPECS
from rtformer_ros.ros.interface.start.declaration import QOS_OVERRIDES

if TYPE_CHECKING:
    from rtformer_ros.ros.web.remote_node import RemoteNode

_OTHERS = 'Of ROS'
_CHOICES = 'one of: '
_TITLES = {spec.name: group.title for group in GROUPS for spec in group.specs}
_KINDS: dict[int, str] = {
    ParameterType.PARAMETER_BOOL: 'bool',
    ParameterType.PARAMETER_INTEGER: 'int',
    ParameterType.PARAMETER_DOUBLE: 'float',
    ParameterType.PARAMETER_STRING: 'text',
    ParameterType.PARAMETER_STRING_ARRAY: 'texts',
}


async def read_parameters(remote: RemoteNode) -> list[dict[str, Any]]:
    """
    Return all parameters of the node in the order of its documentation; raises NodeUnreachable.

    Each as {name, group, kind, value, description, unit, minimum, maximum, choices, read_only};
    kind: bool, int, float, text or texts. minimum and maximum are None where there is no range.
    """
    listing = await remote.call(ListParameters, ListParameters.Request())
    order = {name: place for place, name in enumerate(SPECS)}
    names = sorted(
        (name for name in listing.result.names if not name.startswith(QOS_OVERRIDES)),
        key=lambda name: (order.get(name, len(order)), name),
    )
    described = await remote.call(DescribeParameters, DescribeParameters.Request(names=names))
    got = await remote.call(GetParameters, GetParameters.Request(names=names))
    return [
        _row(descriptor, parameter_value_to_python(value))
        for descriptor, value in zip(described.descriptors, got.values, strict=True)
        if _kind(descriptor)
    ]


async def set_parameter(remote: RemoteNode, name: str, value: object) -> tuple[bool, str]:
    """
    Set one parameter; return whether the node took it, and if not, its reason.

    value: of JSON; a whole number does for a floating-point one. Raises ConfigError for a name or
    a value of another type, NodeUnreachable where no answer comes.
    """
    answer = await remote.call(DescribeParameters, DescribeParameters.Request(names=[name]))
    kind = _kind(answer.descriptors[0]) if answer.descriptors else ''
    if not kind:
        raise ConfigError(f'the node has no parameter {quoted(name)}')
    message = _parameter(name, kind, value).to_parameter_msg()
    answer = await remote.call(SetParameters, SetParameters.Request(parameters=[message]))
    result = answer.results[0]
    return result.successful, result.reason


def _row(descriptor: ParameterDescriptor, value: Any) -> dict[str, Any]:
    name, kind = descriptor.name, _kind(descriptor)
    spec = SPECS.get(name)
    ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
    allowed = descriptor.additional_constraints
    is_choice = allowed.startswith(_CHOICES)
    return {
        'name': name,
        'group': _TITLES.get(name, _OTHERS),
        'kind': kind,
        'value': list(value or []) if kind == 'texts' else value,
        'description': descriptor.description,
        'unit': spec.unit if spec else '',
        'minimum': ranges[0].from_value if ranges else None,
        'maximum': ranges[0].to_value if ranges else None,
        'choices': allowed.removeprefix(_CHOICES).split(', ') if is_choice else [],
        'read_only': descriptor.read_only,
    }


def _kind(descriptor: ParameterDescriptor) -> str:
    """Return the kind of a parameter, '' for one that is not there or that no page can show."""
    # An empty list has no type of its own.
    return 'texts' if descriptor.dynamic_typing else _KINDS.get(descriptor.type, '')


def _parameter(name: str, kind: str, value: Any) -> Parameter:
    if kind == 'bool' and isinstance(value, bool):
        return Parameter(name, Parameter.Type.BOOL, value)
    if kind == 'float' and _is_number(value):
        return Parameter(name, Parameter.Type.DOUBLE, float(value))
    if kind == 'int' and _is_number(value) and float(value).is_integer():
        return Parameter(name, Parameter.Type.INTEGER, int(value))
    if kind == 'text' and _is_text(value):
        return Parameter(name, Parameter.Type.STRING, value)
    if kind == 'texts' and isinstance(value, list) and all(map(_is_text, value)):
        return Parameter(name, Parameter.Type.STRING_ARRAY, value)
    wanted = {
        'bool': 'true or false',
        'int': 'a whole number',
        'float': 'a number',
        'text': 'a text',
        'texts': 'a list of texts',
    }
    raise ConfigError(f'{name} is {quoted(value)}; expected {wanted[kind]}')


def _is_number(value: object) -> bool:
    """Tell whether a value fits into 64 bits, as a number of either kind."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def _is_text(value: object) -> bool:
    """Tell whether a value can be sent: JSON has halves of characters, ROS ends texts with 0."""
    if not isinstance(value, str) or '\0' in value:
        return False
    return not any('\ud800' <= character <= '\udfff' for character in value)
