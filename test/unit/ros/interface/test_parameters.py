# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Each parameter is declared once and fills one field of the settings."""

from dataclasses import fields, is_dataclass
from functools import reduce
import math

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import GROUPS, SETTINGS_FIELDS, SPECS

DEFAULTS = {name: spec.default for name, spec in SPECS.items()}
# Filled by no parameter alone: max_batch by the number of cameras, shown_ids by the labels.
DERIVED = {'model.build.max_batch', 'frame.points.shown_ids', 'values'}


def leaves(settings, path=''):
    """Return the paths of all fields that hold no other settings; parsed texts are leaves."""
    if is_dataclass(settings) and path != 'frame.costmap.costs':
        items = {each.name: getattr(settings, each.name) for each in fields(settings)}
    elif path in ('camera.output.publish', 'camera.output.qos'):
        items = settings
    else:
        return {path}
    return {
        leaf for name, each in items.items() for leaf in leaves(each, f'{path}.{name}'.strip('.'))
    }


def value_at(settings, path):
    def step(value, name):
        return value[name] if isinstance(value, dict) else getattr(value, name)

    return reduce(step, path.split('.'), settings)


def test_no_name_is_declared_twice():
    names = [spec.name for group in GROUPS for spec in group.specs]
    assert len(names) == len(set(names)) == len(SPECS)


def test_every_field_is_filled_by_one_parameter():
    filled = sorted(SETTINGS_FIELDS.values())
    assert filled == sorted(leaves(NodeSettings.from_values(DEFAULTS)) - DERIVED)


@pytest.mark.parametrize(
    'name', [name for name, spec in SPECS.items() if spec.minimum is not None]
)
def test_the_number_that_is_set_is_in_the_field_in_its_unit(name):
    spec, path = SPECS[name], SETTINGS_FIELDS[name]
    # Near the default, so that it goes with the limits of the others.
    value = type(spec.default)(min(spec.default + 1, spec.maximum))
    found = value_at(NodeSettings.from_values({**DEFAULTS, name: value}), path)
    unit_of_field = path.rpartition('_')[2]
    scale = {('deg', 'rad'): math.pi / 180, ('ms', 's'): 1e-3}.get((spec.unit, unit_of_field), 1)
    assert found == pytest.approx(value * scale)


@pytest.mark.parametrize('name', SPECS)
def test_a_unit_in_a_name_is_the_unit_of_the_range(name):
    units = {'m': 'm', 's': 's', 'ms': 'ms', 'deg': 'deg', 'hz': 'Hz', 'mib': 'MiB'}
    others = 'messages' if name.startswith('qos.') and name.endswith('.depth') else ''
    assert SPECS[name].unit == units.get(name.rpartition('_')[2], others)


def test_default_types_are_those_of_the_limits():
    for spec in SPECS.values():
        is_number = isinstance(spec.default, int | float) and not isinstance(spec.default, bool)
        assert (spec.minimum is not None) == (spec.maximum is not None) == is_number
        if is_number:
            assert spec.minimum <= spec.default <= spec.maximum
        if spec.choices:
            assert spec.default in spec.choices


def test_the_largest_batch_is_a_frame_of_each_camera():
    settings = NodeSettings.from_values({**DEFAULTS, 'cameras': ('front', 'left')})
    assert settings.model.build.max_batch == 2
    assert NodeSettings.from_values(DEFAULTS).model.build.max_batch == 1
