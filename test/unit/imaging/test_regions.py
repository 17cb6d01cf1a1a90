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


def test_what_is_told_of_a_region_is_what_its_pixels_are():
    class_map = np.zeros((100, 160), np.uint8)
    class_map[20:60, 30:90] = 4
    class_map[40:60, 60:90] = 0
    confidence = np.random.default_rng(2).integers(0, 256, class_map.shape, np.uint8)
    [region] = find_regions(class_map, confidence, (4,), 10, 5).regions
    rows, columns = np.nonzero(class_map == 4)
    assert (region.class_id, region.box, region.area) == (4, (30, 20, 60, 40), len(rows))
    assert region.centroid == pytest.approx((columns.mean(), rows.mean()))
    assert region.confidence == pytest.approx(confidence[rows, columns].mean() / 255)
    corners = {(30, 20), (89, 20), (89, 39), (60, 39), (59, 40), (59, 59), (30, 59)}
    assert {tuple(corner) for corner in region.contour_n2.tolist()} <= corners
    # Shoelace formula over pixel centres, which lie half a pixel inside of the outline.
    x, y = region.contour_n2.T.astype(float)
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area == pytest.approx(59 * 39 - 30 * 20, abs=60)
    assert 1 <= len(region.samples_n2) <= 1024
    assert (class_map[tuple(region.samples_n2.T)] == 4).all()


def test_boxes_of_a_large_class_map_end_with_it():
    class_map = np.zeros((481, 641), np.uint8)
    class_map[300:, 400:] = 1
    found = find_regions(class_map, class_map, (1,), 10, 5)
    [region] = found.regions
    assert found.stride > 1
    x, y, width, height = region.box
    assert (x + width, y + height) == (641, 481)
    assert abs(x - 400) < found.stride
    assert abs(y - 300) < found.stride
    expected = (520, 390)
    assert region.centroid == pytest.approx(expected, abs=found.stride)
