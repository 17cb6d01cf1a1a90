# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.geometry.costmap import GroupCosts
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS

DEFAULTS = {name: spec.default for name, spec in SPECS.items()}


def frame_settings(**changes):
    values = {name.replace('__', '.'): value for name, value in changes.items()}
    return NodeSettings.from_values({**DEFAULTS, **values}).frame


def test_degrees_and_texts_become_what_projections_take():
    settings = frame_settings(
        camera__pitch_deg=90.0, costmap__costs='walkable = 7,sky=3', scan__free_groups='walkable,'
    )
    assert settings.camera.pitch_rad == math.pi / 2
    unknown = dict.fromkeys(('drivable', 'obstacle', 'dynamic', 'other'), -1)
    assert settings.costmap.costs == GroupCosts(walkable=7, sky=3, **unknown)
    assert settings.scan.free_groups == ('walkable',)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('costmap.costs', 'road=0', 'drivable, walkable'),
        ('costmap.costs', 'obstacle=200', '0 to 100'),
        ('costmap.costs', 'obstacle=high', 'no pair'),
        ('costmap.resolution_m', 0.001, '0.01'),
        ('costmap.size_m', 999.0, 'cells a side'),
        ('scan.free_groups', 'road', 'drivable, walkable'),
        ('scan.angle_min_deg', 60.0, 'readings'),
        ('scan.range_min_m', 20.0, 'range_min < range_max'),
        ('points.min_depth_m', 20.0, 'minimum < maximum'),
        ('coverage.polygon', (0.0, 0.0, 1.0, 1.0), '3 to 64'),
        ('coverage.polygon', (0.0, 0.0, 1.0, 1.0, 1.0), 'even count'),
        ('coverage.polygon', (0.0, 0.0, 2.0, 1.0, 1.0, 0.0), 'has 2'),
        ('coverage.polygon', (0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0), 'crosses itself'),
        ('camera.pose_source', 'map', 'parameters, tf'),
    ],
)
def test_a_value_that_cannot_be_is_refused(name, value, reason):
    with pytest.raises(ConfigError, match=reason):
        NodeSettings.from_values({**DEFAULTS, name: value})
