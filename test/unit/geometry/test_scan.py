# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

from ground_scene import BOX, Extrinsics, GROUND, PINHOLE, Scene, scene_name, SCENES
from ground_views import GROUPS, PATH, sure, view_of
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, GeometryError
from rtformer_ros.geometry.scan import ScanProjection, ScanSettings
from rtformer_ros.segmentation import Segmentation, UnseenPixels

SETTINGS = ScanSettings(
    angle_min_rad=-0.36, angle_max_rad=0.36, angle_increment_rad=0.008, range_max_m=15.0
)
EMPTY = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ())


def bearings(settings):
    return settings.angle_min_rad + np.arange(settings.readings) * settings.angle_increment_rad


@pytest.mark.parametrize(('scene', 'cell_m'), SCENES, ids=scene_name)
def test_boundaries_are_where_boxes_stand(scene, cell_m):
    ranges_m = ScanProjection(view_of(scene), SETTINGS, GROUPS).ranges(sure(scene.class_map()))
    low_m, high_m, end_in_image = scene.ends_of_free_ground(
        bearings(SETTINGS), SETTINGS.angle_increment_rad, SETTINGS.range_max_m
    )
    is_boundary = np.isfinite(ranges_m)
    assert (ranges_m[is_boundary] >= low_m[is_boundary] - cell_m).all()
    assert (ranges_m[is_boundary] <= high_m[is_boundary] + cell_m).all()
    is_free = np.isinf(low_m)
    assert np.isinf(ranges_m[is_free & end_in_image]).all()
    assert np.isinf(high_m[~is_boundary]).all()
    assert not end_in_image[np.isnan(ranges_m)].any()
    # Each of the three boxes is seen by some bearings, and most bearings allow one answer only.
    assert is_boundary.sum() > 40
    assert (high_m[is_boundary] < low_m[is_boundary] + cell_m).mean() > 0.7


def ranges_of(class_map_hw, scene=EMPTY, confidence=255, **settings):
    settings = dataclasses.replace(SETTINGS, **settings)
    projection = ScanProjection(view_of(scene), settings, GROUPS)
    return projection.ranges(sure(class_map_hw, confidence))


def test_bearings_out_of_the_picture_are_nan_and_free_ones_inf():
    wide = {'angle_min_rad': -math.pi, 'angle_max_rad': math.pi, 'angle_increment_rad': 0.02}
    ranges_m = ranges_of(EMPTY.class_map(), **wide)
    fx, cx = EMPTY.lens.k[0], EMPTY.lens.k[2]
    # Of a level camera: where its edge columns look, for points on the ground at 15 m.
    angles = bearings(dataclasses.replace(SETTINGS, **wide))
    depth_m = 15 * np.cos(angles) * np.cos(np.radians(5)) + 1.5 * np.sin(np.radians(5))
    columns = cx - fx * 15 * np.sin(angles) / depth_m
    in_sight = (np.abs(angles) < 1.5) & (columns > -0.5) & (columns < 639.5)
    assert np.isinf(ranges_m[in_sight]).all()
    assert np.isnan(ranges_m[~in_sight]).all()
    assert 45 < in_sight.sum() < 55


def test_a_single_pixel_is_not_overlooked():
    class_map_hw = EMPTY.class_map()
    rows, columns = np.nonzero(class_map_hw == GROUND)
    view = view_of(EMPTY)
    projection = ScanProjection(view, SETTINGS, GROUPS)
    tried = 0
    for place in np.random.default_rng(3).permutation(len(rows)):
        row, column = rows[place], columns[place]
        x_m, y_m = view.points_hw2[row, column]
        range_m, bearing = math.hypot(x_m, y_m), math.atan2(y_m, x_m)
        if range_m > 14 or abs(bearing) > 0.35:
            continue
        corrupted = class_map_hw.copy()
        corrupted[row, column] = BOX
        ranges_m = projection.ranges(sure(corrupted))
        reading = ranges_m[
            round((bearing - SETTINGS.angle_min_rad) / SETTINGS.angle_increment_rad)
        ]
        assert range_m - 0.25 < reading < range_m
        tried += 1
        if tried == 30:
            break
    assert tried == 30


def test_readings_narrower_than_a_pixel_have_no_holes():
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((6.0, 7.0, -5.0, 5.0, 1.0),))
    angles = {'angle_min_rad': -0.2, 'angle_max_rad': 0.2, 'angle_increment_rad': 0.0005}
    ranges_m = ranges_of(scene.class_map(), scene, **angles)
    wall_m = 6.0 / np.cos(bearings(dataclasses.replace(SETTINGS, **angles)))
    np.testing.assert_allclose(ranges_m, wall_m, atol=0.05)


def test_no_reading_where_the_ground_comes_into_sight_much_too_far_away():
    """Along the sides of a picture that looks up, the ground is seen from ever farther away."""
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=-10.0), ())
    angles = {'angle_min_rad': -0.6, 'angle_max_rad': 0.6, 'angle_increment_rad': 0.01}
    angles['range_max_m'] = 40.0
    ranges_m = ranges_of(np.full((480, 640), BOX, np.uint8), scene, **angles)
    settings = dataclasses.replace(SETTINGS, **angles)
    # A reading looks half an increment to each side.
    sides = bearings(settings)[:, None] + 0.005 * np.array([-1, 0, 1])
    along_m = np.arange(0.5, 60.0, 0.02)
    directions = np.stack([np.cos(sides), np.sin(sides)], axis=-1)
    seen = scene.is_in_image(directions[:, :, None] * along_m[:, None])
    first_m = np.where(seen.any(axis=-1), along_m[seen.argmax(axis=-1)], np.inf)
    nearest_m, farthest_m = first_m.min(axis=1), first_m.max(axis=1)
    is_blind = nearest_m > 2 * first_m.min() + 0.3
    is_seen = farthest_m < 2 * first_m.min() - 0.3
    assert (is_blind & (nearest_m < 40)).any()
    assert np.isnan(ranges_m[is_blind]).all()
    assert is_seen.sum() > 50
    assert (ranges_m[is_seen] > nearest_m[is_seen] - 0.3).all()
    assert (ranges_m[is_seen] < farthest_m[is_seen] + 0.1).all()


def test_what_counts_as_free_is_the_users_to_say():
    path = np.full((480, 640), PATH, np.uint8)
    assert np.isfinite(ranges_of(path)).all()
    assert np.isinf(ranges_of(path, free_groups=('drivable', 'walkable'))).all()
    ground = np.full((480, 640), GROUND, np.uint8)
    assert np.isinf(ranges_of(ground, confidence=100, min_confidence=0.3)).all()
    assert np.isfinite(ranges_of(ground, confidence=100, min_confidence=0.5)).all()
    unlabelled = np.full((480, 640), 255, np.uint8)
    assert np.isfinite(ranges_of(unlabelled)).all()


def test_wrong_settings_and_sizes_are_refused():
    with pytest.raises(ConfigError, match='readings'):
        ScanSettings(angle_increment_rad=0.0)
    with pytest.raises(ConfigError, match='readings'):
        ScanSettings(angle_min_rad=1.0, angle_max_rad=0.0)
    with pytest.raises(ConfigError, match='range_min < range_max'):
        ScanSettings(range_min_m=2.0, range_max_m=1.0)
    projection = ScanProjection(view_of(EMPTY), SETTINGS, GROUPS)
    with pytest.raises(GeometryError, match=r'\[240, 320\]'):
        projection.ranges(sure(np.zeros((240, 320), np.uint8)))
    whole, small = np.zeros((480, 640), np.uint8), np.zeros((48, 64), np.uint8)
    with pytest.raises(GeometryError, match='confidence'):
        projection.ranges(Segmentation(whole, small))


def unseen_rectangle(rows, columns):
    unseen_hw = np.zeros((480, 640), np.uint8)
    unseen_hw[rows, columns] = 255
    return UnseenPixels(unseen_hw)


def ranges_unseen(unseen, scene=EMPTY):
    """The scan, and that of the same scene with everything in sight."""
    projection = ScanProjection(view_of(scene), SETTINGS, GROUPS, unseen)
    class_map_hw = np.where(unseen.unseen_hw, 255, scene.class_map()).astype(np.uint8)
    return projection.ranges(sure(class_map_hw)), ranges_of(scene.class_map(), scene)


def test_the_robots_own_hood_is_no_boundary_and_hides_nothing_farther():
    # The lowest rows, up to ground 20 % farther away than the nearest in sight.
    ranges_m, whole_m = ranges_unseen(unseen_rectangle(slice(430, 480), slice(None)))
    assert np.isinf(whole_m).any()
    np.testing.assert_array_equal(ranges_m, whole_m)


def test_beyond_what_is_unseen_nothing_is_free_but_boundaries_count():
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((8.0, 9.0, -0.8, 0.8, 1.0),))
    # Rows that show the ground from about 3 to 5 m: an arm across the picture.
    view = view_of(scene)
    x_m = view.points_hw2[:, 320, 0]
    rows = slice(*np.flatnonzero((x_m > 3.5) & (x_m < 5.0))[[0, -1]])
    ranges_m, whole_m = ranges_unseen(unseen_rectangle(rows, slice(None)), scene)
    is_boundary = np.isfinite(whole_m)
    assert is_boundary.sum() > 10
    np.testing.assert_array_equal(ranges_m[is_boundary], whole_m[is_boundary])
    assert np.isinf(whole_m[~is_boundary]).any()
    assert np.isnan(ranges_m[~is_boundary]).all()


def test_a_boundary_that_is_unseen_is_none_and_a_side_of_the_picture_has_no_reading():
    scene = Scene(PINHOLE, Extrinsics(pitch_deg=5.0), ((8.0, 9.0, -0.8, 0.8, 1.0),))
    box = scene.class_map() == BOX
    everything = (slice(None), slice(None))
    ranges_m, whole_m = ranges_unseen(unseen_rectangle(*everything), scene)
    assert np.isfinite(whole_m).any()
    assert np.isnan(ranges_m).all()
    unseen = UnseenPixels(np.where(box, 255, 0).astype(np.uint8))
    assert not np.isfinite(ranges_unseen(unseen, scene)[0]).any()
    ranges_m, whole_m = ranges_unseen(unseen_rectangle(slice(None), slice(0, 320)))
    is_left = bearings(SETTINGS) > 0.01
    assert np.isnan(ranges_m[is_left]).all()
    np.testing.assert_array_equal(ranges_m[~is_left][:-2], whole_m[~is_left][:-2])
    assert np.isinf(ranges_m).any()


def test_unseen_pixels_of_a_large_image_hide_their_samples():
    lens = dataclasses.replace(PINHOLE, height=1440, width=320, focal_px=1800.0)
    scene = Scene(lens, Extrinsics(pitch_deg=5.0), ())
    unseen_hw = np.zeros((1440, 320), np.uint8)
    unseen_hw[1351:] = 255
    class_map_hw = np.where(unseen_hw, 255, scene.class_map()).astype(np.uint8)
    view = view_of(scene)
    hidden = ScanProjection(view, SETTINGS, GROUPS, UnseenPixels(unseen_hw))
    whole = ScanProjection(view, SETTINGS, GROUPS)
    np.testing.assert_array_equal(
        hidden.ranges(sure(class_map_hw)), whole.ranges(sure(scene.class_map()))
    )
    assert np.isfinite(whole.ranges(sure(class_map_hw))).any()
