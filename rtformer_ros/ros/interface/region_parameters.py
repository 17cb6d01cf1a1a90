# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the outputs that tell regions and shares of classes."""

from __future__ import annotations

from functools import partial

from rtformer_ros.imaging.polygon import read_polygon
from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec

_REGIONS = ParameterGroup(
    'Regions',
    'frame',
    (
        ParameterSpec(
            'regions.classes',
            'dynamic, obstacle',
            "Classes and planner groups whose regions ~/regions tells: 'Car, dynamic'; '' are all "
            'classes',
            details='What is unlabelled has no region.',
            has_commas=True,
        ),
        ParameterSpec(
            'regions.min_area',
            0.0005,
            'Least area of a region, as a share of the image',
            0.0,
            1.0,
            details='150 pixels of 640x480.',
        ),
        ParameterSpec(
            'regions.max_count',
            32,
            'How many regions a message has at most, the largest',
            1,
            256,
            details='The message counts the others.',
        ),
    ),
    page='topics.md#regions',
)
_COVERAGE = ParameterGroup(
    'Coverage',
    'frame',
    (
        ParameterSpec(
            'coverage.polygon',
            (),
            'Corners in which ~/coverage counts: [x, y, x, y, ...], fractions of width and '
            'height; [] is the whole image',
            details='3 to 64 corners, in their order around it.',
            items=float,
            convert=partial(read_polygon, 'coverage.polygon'),
        ),
    ),
    page='topics.md#coverage',
)

REGION_GROUPS = (_REGIONS, _COVERAGE)
