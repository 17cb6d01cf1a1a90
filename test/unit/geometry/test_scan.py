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
from rtformer_ros.segmentation import Segmentation

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
