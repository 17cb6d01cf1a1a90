# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames brought together by their stamps, and the picture made of one."""

import numpy as np
import pytest
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, GAP_PX
from rtformer_ros.ros.programs.frame_picture import (
    FrameCollector,
    FramePicture,
    Ground,
    GROUND_PARTS,
)

PARTS = ('image', 'mask', 'color_mask', 'overlay')
SECOND = 1_000_000_000


def add_all(collector, stamp_ns, parts=PARTS):
    for part in parts:
        shape = (2, 2) if part == 'mask' else (2, 2, 3)
        collector.add(part, stamp_ns, np.full(shape, stamp_ns // SECOND, np.uint8))


def value(collector):
    return None if collector.picture is None else int(collector.picture.image_hwc[0, 0, 0])


def test_the_last_whole_frame_up_to_a_time_is_kept():
    collector = FrameCollector(3.0)
    kept = []
    for second in (10, 11, 12, 13, 14):
        add_all(collector, second * SECOND)
        kept.append(value(collector))
    assert kept == [10, 11, 12, 13, 13]


def test_parts_of_different_frames_are_never_mixed():
    collector = FrameCollector(3.0)
    add_all(collector, 5 * SECOND, ['image', 'mask', 'overlay'])
    add_all(collector, 6 * SECOND, ['color_mask', 'image'])
    assert value(collector) is None
    add_all(collector, 5 * SECOND, ['color_mask'])
    assert value(collector) == 5


def test_a_late_first_whole_frame_is_better_than_none():
    collector = FrameCollector(1.0)
    add_all(collector, 1 * SECOND, ['image'])
    add_all(collector, 9 * SECOND)
    assert value(collector) == 9


def test_a_frame_for_planners_is_whole_with_costmap_scan_and_calibration():
    collector = FrameCollector(3.0, GROUND_PARTS)
    add_all(collector, 1 * SECOND)
    assert collector.picture is None
    for part in ('costmap', 'scan', 'camera_info'):
        assert collector.picture is None
        collector.add(part, 1 * SECOND, part)
    assert collector.picture.ground == Ground('costmap', 'scan', 'camera_info')
    assert value(collector) == 1


def test_parts_that_nobody_asked_for_are_let_go():
    collector = FrameCollector(3.0)
    collector.add('costmap', 1 * SECOND, 'costmap')
    add_all(collector, 1 * SECOND)
    assert collector.picture.ground is None


def test_picture_with_a_legend_of_what_is_there():
    class_map = np.zeros((60, 80), np.uint8)
    class_map[:, 60:] = 2
    class_map[:5] = 255
    colors = np.zeros((60, 80, 3), np.uint8)
    colors[class_map == 0] = (10, 20, 30)
    colors[class_map == 2] = (250, 0, 0)
    image = np.full((120, 160, 3), 90, np.uint8)
    picture = FramePicture(image, class_map, colors, colors).draw(['road', 'sky', 'car'])
    assert picture.shape[0] == CAPTION_HEIGHT_PX + 120
    legend = picture[CAPTION_HEIGHT_PX:, 320 + 2 * GAP_PX : -160 - GAP_PX]
    first, second, rest = np.split(legend, [ROW_HEIGHT_PX, 2 * ROW_HEIGHT_PX])
    assert (first == (10, 20, 30)).all(-1).sum() > 100
    assert (second == (250, 0, 0)).all(-1).sum() > 100
    assert (rest == 255).all()


@pytest.mark.parametrize('names', [[], ['only one']])
def test_classes_without_a_name_and_pictures_without_classes(names):
    image = np.full((48, 64, 3), 90, np.uint8)
    some = FramePicture(image, np.full((48, 64), 254, np.uint8), image, image).draw(names)
    none = FramePicture(image, np.full((48, 64), 255, np.uint8), image, image).draw(names)
    assert none.shape[1] == 3 * 64 + 2 * GAP_PX
    assert some.shape[1] > none.shape[1]
