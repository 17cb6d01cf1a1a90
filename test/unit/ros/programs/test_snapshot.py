"""Frames brought together by their stamps, and the picture made of one."""

import numpy as np
import pytest

from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, GAP_PX
from rtformer_ros.ros.programs.frame_picture import GROUND_PARTS, Ground, Snapshot, SnapshotTaker

PARTS = ('image', 'mask', 'color_mask', 'overlay')
SECOND = 1_000_000_000


def add_all(taker, stamp_ns, parts=PARTS):
    for part in parts:
        shape = (2, 2) if part == 'mask' else (2, 2, 3)
        taker.add(part, stamp_ns, np.full(shape, stamp_ns // SECOND, np.uint8))


def value(taker):
    return None if taker.snapshot is None else int(taker.snapshot.image_hwc[0, 0, 0])


def test_the_last_whole_frame_up_to_a_time_is_kept():
    taker = SnapshotTaker(3.0)
    kept = []
    for second in (10, 11, 12, 13, 14):
        add_all(taker, second * SECOND)
        kept.append(value(taker))
    assert kept == [10, 11, 12, 13, 13]


def test_parts_of_different_frames_are_never_mixed():
    taker = SnapshotTaker(3.0)
    add_all(taker, 5 * SECOND, ['image', 'mask', 'overlay'])
    add_all(taker, 6 * SECOND, ['color_mask', 'image'])
    assert value(taker) is None
    add_all(taker, 5 * SECOND, ['color_mask'])
    assert value(taker) == 5


def test_a_late_first_whole_frame_is_better_than_none():
    taker = SnapshotTaker(1.0)
    add_all(taker, 1 * SECOND, ['image'])
    add_all(taker, 9 * SECOND)
    assert value(taker) == 9


def test_a_frame_for_planners_is_whole_with_costmap_scan_and_calibration():
    taker = SnapshotTaker(3.0, GROUND_PARTS)
    add_all(taker, 1 * SECOND)
    assert taker.snapshot is None
    for part in ('costmap', 'scan', 'camera_info'):
        assert taker.snapshot is None
        taker.add(part, 1 * SECOND, part)
    assert taker.snapshot.ground == Ground('costmap', 'scan', 'camera_info')
    assert value(taker) == 1


def test_parts_that_nobody_asked_for_are_let_go():
    taker = SnapshotTaker(3.0)
    taker.add('costmap', 1 * SECOND, 'costmap')
    add_all(taker, 1 * SECOND)
    assert taker.snapshot.ground is None


def test_picture_with_a_legend_of_what_is_there():
    class_map = np.zeros((60, 80), np.uint8)
    class_map[:, 60:] = 2
    class_map[:5] = 255
    colors = np.zeros((60, 80, 3), np.uint8)
    colors[class_map == 0] = (10, 20, 30)
    colors[class_map == 2] = (250, 0, 0)
    image = np.full((120, 160, 3), 90, np.uint8)
    picture = Snapshot(image, class_map, colors, colors).draw(['road', 'sky', 'car'])
    assert picture.shape[0] == CAPTION_HEIGHT_PX + 120
    legend = picture[CAPTION_HEIGHT_PX:, 320 + 2 * GAP_PX : -160 - GAP_PX]
    first, second, rest = np.split(legend, [ROW_HEIGHT_PX, 2 * ROW_HEIGHT_PX])
    assert (first == (10, 20, 30)).all(-1).sum() > 100
    assert (second == (250, 0, 0)).all(-1).sum() > 100
    assert (rest == 255).all()


@pytest.mark.parametrize('names', [[], ['only one']])
def test_classes_without_a_name_and_pictures_without_classes(names):
    image = np.full((48, 64, 3), 90, np.uint8)
    some = Snapshot(image, np.full((48, 64), 254, np.uint8), image, image).draw(names)
    none = Snapshot(image, np.full((48, 64), 255, np.uint8), image, image).draw(names)
    assert none.shape[1] == 3 * 64 + 2 * GAP_PX
    assert some.shape[1] > none.shape[1]
