# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import struct

import cv2
from ground_scene import DISTORTED, PINHOLE, tangents
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, GeometryError, ImageError
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.cloud import CloudProjection, CloudSettings, POINT_DTYPE
from rtformer_ros.geometry.voxels import voxel_downsample
from rtformer_ros.imaging.encodings import decode_depth
from rtformer_ros.segmentation import Segmentation

RANDOM = np.random.default_rng(11)
CLASSES = RANDOM.integers(0, 5, (480, 640), np.uint8)
CONFIDENCE = RANDOM.integers(0, 256, (480, 640), np.uint8)
COLORS = RANDOM.integers(0, 256, (480, 640, 3), np.uint8)
DEPTH_MM = RANDOM.integers(500, 9000, (480, 640), np.uint16)
SEGMENTATION = Segmentation(CLASSES, CONFIDENCE)


def projection(lens=PINHOLE, **settings):
    camera = CameraModel(lens.height, lens.width, lens.k, lens.model, lens.d)
    return CloudProjection(camera, CloudSettings(**settings))


def xyz(points):
    return np.stack([points['x'], points['y'], points['z']], axis=-1)


@pytest.mark.parametrize('lens', [PINHOLE, *DISTORTED], ids=lambda lens: lens.model)
def test_points_are_where_the_lens_formulas_put_them(lens):
    points = projection(lens).points(DEPTH_MM, SEGMENTATION, COLORS)
    x_per_z, y_per_z = (values.reshape(480, 640) for values in tangents(lens))
    z = DEPTH_MM / 1000
    np.testing.assert_allclose(xyz(points), np.stack([x_per_z * z, y_per_z * z, z], -1), atol=1e-4)
    np.testing.assert_array_equal(points['label'], CLASSES)
    np.testing.assert_array_equal(points['confidence'], CONFIDENCE)


def test_a_point_has_the_bytes_that_readers_of_clouds_expect():
    points = projection().points(DEPTH_MM, SEGMENTATION, COLORS)
    red, green, blue = COLORS[3, 5].tolist()
    packed = points[3, 5].tobytes()
    assert len(packed) == 20
    *_, rgb, label, confidence = struct.unpack('<fffIBBxx', packed)
    assert rgb == red << 16 | green << 8 | blue
    assert (label, confidence) == (CLASSES[3, 5], CONFIDENCE[3, 5])


def test_void_and_distant_depth_makes_no_point():
    metres = np.full((480, 640), 2.0, np.float32)
    metres[0, :6] = [np.nan, np.inf, -np.inf, 0.0, -1.0, 0.05]
    metres[1, :3] = [10.0, 10.01, 0.1]
    points = projection().points(metres, SEGMENTATION, COLORS)
    assert np.isnan(xyz(points)[0, :6]).all()
    np.testing.assert_array_equal(np.isnan(points['x'][1, :3]), [False, True, False])
    assert np.isfinite(xyz(points)[2:]).all()
    millimetres = DEPTH_MM.copy()
    millimetres[7, 9] = 0
    points = projection(min_depth_m=0.0).points(millimetres, SEGMENTATION, COLORS)
    assert np.argwhere(np.isnan(points['z'])).tolist() == [[7, 9]]


def test_no_point_where_the_lens_model_ends():
    camera = CameraModel(480, 640, PINHOLE.k, 'plumb_bob', (-0.9, 0.0, 0.0, 0.0, 0.0))
    points = CloudProjection(camera, CloudSettings()).points(DEPTH_MM, SEGMENTATION, COLORS)
    assert np.isnan(xyz(points)[0, 0]).all()
    assert np.isfinite(xyz(points)[240, 320]).all()


def test_classes_and_strides_thin_the_cloud_out():
    points = projection(shown_ids=bytes([1, 0, 0, 1] + [0] * 252)).points(
        DEPTH_MM, SEGMENTATION, COLORS
    )
    np.testing.assert_array_equal(np.isfinite(points['z']), np.isin(CLASSES, [0, 3]))
    every = projection().points(DEPTH_MM, SEGMENTATION, COLORS)
    for stride, shape in ((3, (160, 214)), (4, (120, 160))):
        thinned = projection(stride=stride).points(DEPTH_MM, SEGMENTATION, COLORS)
        assert thinned.shape == shape
        for field in POINT_DTYPE.names:
            np.testing.assert_array_equal(thinned[field], every[field][::stride, ::stride])


@pytest.mark.parametrize(('encoding', 'kind'), [('16UC1', np.uint16), ('32FC1', np.float32)])
@pytest.mark.parametrize('padding', [1, 2, 3])
def test_depth_of_any_row_padding_is_thinned_out(padding, encoding, kind):
    depth = DEPTH_MM.astype(kind) if kind == np.uint16 else (DEPTH_MM / 1000).astype(kind)
    rows = np.pad(depth.view(np.uint8), ((0, 0), (0, padding)), constant_values=77)
    decoded = decode_depth(rows.ravel(), encoding, 480, 640, rows.shape[1])
    points = projection(stride=2).points(decoded, SEGMENTATION, COLORS)
    whole = projection(stride=2).points(depth, SEGMENTATION, COLORS)
    assert points.tobytes() == whole.tobytes()


def test_a_class_map_of_another_size_is_sampled_at_the_pixels_of_the_depth():
    small = Segmentation(CLASSES[:240, :320], CONFIDENCE[:240, :320])
    colors = np.ascontiguousarray(COLORS[:240, :320])
    points = projection().points(DEPTH_MM, small, colors)
    np.testing.assert_array_equal(points['label'], np.kron(CLASSES[:240, :320], np.ones((2, 2))))
    np.testing.assert_array_equal(points['confidence'][1::2, ::2], CONFIDENCE[:240, :320])


def test_a_message_buffer_is_filled_in_place():
    buffer = bytearray(480 * 640 * 20)
    out = np.frombuffer(buffer, POINT_DTYPE).reshape(480, 640)
    returned = projection().points(DEPTH_MM, SEGMENTATION, COLORS, out)
    assert returned is out
    assert bytes(buffer) == projection().points(DEPTH_MM, SEGMENTATION, COLORS).tobytes()


def test_wrong_depth_and_settings_are_refused():
    with pytest.raises(GeometryError, match=r'\[240, 640\]'):
        projection().points(DEPTH_MM[:240], SEGMENTATION, COLORS)
    with pytest.raises(ImageError, match='float64'):
        projection().points(DEPTH_MM.astype(np.float64), SEGMENTATION, COLORS)
    with pytest.raises(ConfigError, match='stride'):
        CloudSettings(stride=0)
    with pytest.raises(ConfigError, match='minimum < maximum'):
        CloudSettings(min_depth_m=2.0, max_depth_m=1.0)


@pytest.mark.parametrize('voxel_m', [0.1, 0.35])
def test_voxels_hold_the_mean_and_the_majority(voxel_m):
    depth = (2000 + 300 * RANDOM.random((480, 640))).astype(np.uint16)
    depth[RANDOM.random((480, 640)) < 0.1] = 0
    classes = cv2.resize(CLASSES[:30, :40], (640, 480), interpolation=cv2.INTER_NEAREST)
    points = projection(stride=4).points(depth, Segmentation(classes, CONFIDENCE), COLORS)
    thinned = voxel_downsample(points, voxel_m)
    flat = points[np.isfinite(points['z'])]
    cells = {}
    for point in flat:
        # In float32, as a point on the border of two voxels must fall on the same side.
        key = tuple(np.floor(xyz(point) * np.float32(1 / voxel_m)).astype(int).tolist())
        cells.setdefault(key, []).append(point)
    assert len(thinned) == len(cells)
    assert 50 < len(cells) < len(flat) / 2
    for point in thinned:
        # The mean of a voxel's points lies in the voxel.
        key = tuple(np.floor(xyz(point) * np.float32(1 / voxel_m)).astype(int).tolist())
        members = np.array(cells.pop(key))
        np.testing.assert_allclose(xyz(point), xyz(members).mean(axis=0), atol=1e-4)
        assert point['label'] == np.bincount(members['label']).argmax()
        same = members[members['label'] == point['label']]
        assert point['rgb'] in same['rgb']
        assert point['confidence'] in same['confidence']
    assert not cells


def test_an_empty_cloud_stays_empty_and_tiny_voxels_are_refused():
    nothing = projection().points(np.zeros((480, 640), np.uint16), SEGMENTATION, COLORS)
    assert voxel_downsample(nothing, 0.1).shape == (0,)
    for voxel_m in (0.0005, 1e-38):
        with pytest.raises(ConfigError, match='larger ones'):
            voxel_downsample(projection().points(DEPTH_MM, SEGMENTATION, COLORS), voxel_m)
