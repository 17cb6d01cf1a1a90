# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Regions against a flood fill in plain Python."""

import numpy as np
import pytest
from rtformer_ros.imaging.regions import find_regions


def flooded_areas(class_map, class_id):
    left = {(int(r), int(c)) for r, c in np.argwhere(class_map == class_id)}
    areas = []
    while left:
        todo, area = [left.pop()], 0
        while todo:
            row, column = todo.pop()
            area += 1
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            todo += near
        areas.append(area)
    return sorted(areas, reverse=True)


@pytest.mark.parametrize('shape', [(1, 1), (1, 40), (40, 1), (24, 31)])
def test_areas_are_those_of_a_flood_fill(shape):
    class_map = np.random.default_rng(1).integers(0, 4, shape, np.uint8)
    found = find_regions(class_map, class_map, (3,), 1, 1000)
    assert [r.area for r in found.regions] == flooded_areas(class_map, 3)


@pytest.mark.parametrize('shape', [(480, 640), (1, 100_000)])
def test_noise_makes_no_large_message(shape):
    class_map = np.random.default_rng(0).integers(0, 2, shape, np.uint8)
    found = find_regions(class_map, class_map, range(255), 0, 32)
    assert len(found.regions) <= 32
    assert max(len(r.contour_n2) for r in found.regions) <= 32
