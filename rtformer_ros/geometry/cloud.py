# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Organised point cloud from a depth image, its points coloured and labelled."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any, TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.errors import ConfigError, GeometryError, ImageError

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.segmentation import Segmentation

POINT_DTYPE = np.dtype(
    {
        'names': ['x', 'y', 'z', 'rgb', 'label', 'confidence'],
        'formats': ['<f4', '<f4', '<f4', '<f4', 'u1', 'u1'],
        'offsets': [0, 4, 8, 12, 16, 17],
        'itemsize': 20,
    }
)
"""
One point, 20 bytes, little endian; 2 bytes at the end are not used.

x, y, z: metres in the optical frame, NaN where there is no point. rgb: the bits 0x00RRGGBB read as
float32, as RViz and PCL have it. label: class id; confidence: 0..255.
"""

_POINT_WORDS = 5
# As many as 1920x1080 pixels make, and some more.
_MOST_POINTS = 1 << 21
_M_PER_MM = np.float32(0.001)
_LEAST_DEPTH_M = 1e-6


@dataclass(frozen=True)
class CloudSettings:
    """
    Which points are made.

    stride: every stride-th row and column. min_depth_m, max_depth_m: limits of z, both included.
    shown_ids: 256 bytes, 0 for the class ids whose points are left out; b'' for none.
    """

    stride: int = 1
    min_depth_m: float = 0.1
    max_depth_m: float = 10.0
    shown_ids: bytes = b''

    def __post_init__(self) -> None:
        """Raise ConfigError for limits that leave nothing."""
        if self.stride < 1:
            raise ConfigError(f'the stride of the points is {self.stride}; expected 1 or more')
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ConfigError(
                f'the depth limits of the points are {self.min_depth_m:g} and '
                f'{self.max_depth_m:g} m; expected 0 <= minimum < maximum'
            )
        if len(self.shown_ids) not in (0, 256):
            raise ConfigError(f'shown_ids has {len(self.shown_ids)} values; expected 256 or none')


class CloudProjection:
    """
    Turns depth images into clouds, for one calibration of them and one set of settings.

    Making one takes some 100 ms, using it some 3 ms. Not thread-safe: it reuses its buffers. A
    cloud has at most two million points: of larger images the stride is raised until it does.
    """

    def __init__(self, camera: CameraModel, settings: CloudSettings) -> None:
        """Take the calibration of the depth image: that of the camera it is registered to."""
        self._size = (camera.height, camera.width)
        self._settings = settings
        self._stride = _stride(camera, settings.stride)
        shape = tuple(-(-length // self._stride) for length in self._size)
        self._x_per_z, self._y_per_z = (np.empty(shape, np.float32) for _ in range(2))
        for rows, (x_hw, y_hw, z_hw) in camera.ray_strips(self._stride):
            np.divide(x_hw, z_hw, out=self._x_per_z[rows])
            np.divide(y_hw, z_hw, out=self._y_per_z[rows])
        is_void_hw = np.isnan(self._x_per_z)
        self._is_void_hw = is_void_hw if is_void_hw.any() else None
        self._words = [np.zeros(self.shape, np.float32) for _ in range(_POINT_WORDS)]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the cloud."""
        height, width = self._x_per_z.shape
        return height, width

    def points(
        self,
        depth_hw: npt.NDArray[np.generic],
        segmentation: Segmentation,
        color_hwc: npt.NDArray[np.uint8],
        out: npt.NDArray[np.void] | None = None,
    ) -> npt.NDArray[np.void]:
        """
        Return the organised cloud, POINT_DTYPE of `shape`, written to `out` where given.

        depth_hw: z by pixel (REP 118), uint16 in millimetres (0: none) or float32 in metres (NaN,
        infinite: none), of the calibration's size. segmentation and color_hwc (RGB, uint8) may
        have other sizes: they are sampled at the depth's pixels, the nearest of theirs.
        Raises GeometryError or ImageError for depth of another size or type.
        """
        x, y, z, rgb, labels = self._words
        self._read_depth(depth_hw, z)
        bytes_hw4 = labels.view(np.uint8).reshape(*self.shape, 4)
        class_map_hw = self._sampled(segmentation.class_map_hw)
        confidence_hw = self._sampled(segmentation.confidence_hw)
        cv2.mixChannels([class_map_hw, confidence_hw], [bytes_hw4], [0, 0, 1, 1])
        rgb_hw4 = rgb.view(np.uint8).reshape(*self.shape, 4)
        cv2.mixChannels([self._sampled(color_hwc)], [rgb_hw4], [0, 2, 1, 1, 2, 0])
        if self._settings.shown_ids:
            is_shown = np.frombuffer(self._settings.shown_ids, np.uint8)
            np.copyto(z, np.nan, where=is_shown.take(class_map_hw) == 0)
        np.multiply(z, self._x_per_z, out=x)
        np.multiply(z, self._y_per_z, out=y)
        if out is None:
            out = np.empty(self.shape, POINT_DTYPE)
        cv2.merge(self._words, out.view(np.float32).reshape(*self.shape, _POINT_WORDS))
        return out

    def _read_depth(self, depth_hw: npt.NDArray[np.generic], z: npt.NDArray[np.float32]) -> None:
        if depth_hw.shape != self._size:
            raise GeometryError(
                f'the depth image has the shape {list(depth_hw.shape)}; expected '
                f'{list(self._size)}, as its calibration was scaled to'
            )
        step = self._stride
        if depth_hw.dtype == np.uint16:
            np.multiply(_every(step, depth_hw), _M_PER_MM, out=z, casting='unsafe')
        elif depth_hw.dtype == np.float32:
            np.copyto(z, _every(step, depth_hw))
        else:
            raise ImageError(
                f'the depth image holds {depth_hw.dtype}; expected uint16 (16UC1, millimetres) or '
                'float32 (32FC1, metres)'
            )
        # A NaN is not within the limits either.
        with np.errstate(invalid='ignore'):
            is_valid = z >= max(self._settings.min_depth_m, _LEAST_DEPTH_M)
            is_valid &= z <= self._settings.max_depth_m
        if self._is_void_hw is not None:
            is_valid &= ~self._is_void_hw
        np.copyto(z, np.nan, where=~is_valid)

    def _sampled(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the image at the cloud's points: of each the pixel that its centre falls into."""
        if image.shape[:2] == self._size:
            return np.ascontiguousarray(_every(self._stride, image))
        height, width = self._size
        if self._stride == 1:
            resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            return np.asarray(resized, np.uint8)
        rows, columns = (
            (2 * np.arange(0, wanted, self._stride) + 1) * given // (2 * wanted)
            for wanted, given in zip(self._size, image.shape[:2], strict=True)
        )
        return image.take(rows, axis=0).take(columns, axis=1)


def _stride(camera: CameraModel, asked: int) -> int:
    """Return the least stride from `asked` on of which a cloud has not too many points."""
    stride = max(asked, math.isqrt(camera.height * camera.width // _MOST_POINTS))
    while -(-camera.height // stride) * -(-camera.width // stride) > _MOST_POINTS:
        stride += 1
    return stride


def _every(step: int, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return every step-th row and column."""
    height, width = image.shape[:2]
    if step == 1 or height % step or width % step:
        return image[::step, ::step]
    # The same, several times as fast.
    size = (width // step, height // step)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))
