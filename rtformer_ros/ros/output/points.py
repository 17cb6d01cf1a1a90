# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/points: sensor_msgs/PointCloud2 of the depth image, with class labels."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.drawing.class_colors import colorize
from rtformer_ros.errors import ConfigError, GeometryError, ImageError
from rtformer_ros.geometry.cloud import CloudProjection, POINT_DTYPE
from rtformer_ros.geometry.voxels import voxel_downsample
from rtformer_ros.imaging.encodings import decode_depth
from rtformer_ros.ros.input.camera_info import camera_model
from rtformer_ros.stream.cached import Cached
from sensor_msgs.msg import PointCloud2, PointField

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.ros.frames.result import FrameResult

_FIELDS = [
    PointField(name=name, offset=offset, datatype=datatype, count=1)
    for name, offset, datatype in (
        ('x', 0, PointField.FLOAT32),
        ('y', 4, PointField.FLOAT32),
        ('z', 8, PointField.FLOAT32),
        ('rgb', 12, PointField.FLOAT32),
        ('label', 16, PointField.UINT8),
        ('confidence', 17, PointField.UINT8),
    )
]


class PointsConverter:
    """Converter of one camera's frames; caches its projection, and a message to fill again."""

    def __init__(self) -> None:
        """Start with neither."""
        self._projection = Cached(CloudProjection)
        self._message = PointCloud2()

    def __call__(self, frame: FrameResult) -> PointCloud2:
        """
        Return the cloud in the camera's optical frame, valid until the next call.

        Raises GeometryError where no depth image fits the frame, or the calibration none.
        """
        try:
            return self._make(frame)
        except (ImageError, ConfigError) as error:
            raise GeometryError(str(error)) from error

    def _make(self, frame: FrameResult) -> PointCloud2:
        depth_hw = decoded_depth(frame)
        settings = frame.config.settings
        height, width = depth_hw.shape[0], depth_hw.shape[1]
        model = camera_model(frame.camera_info, height, width, settings.camera.is_rectified)
        projection = self._projection(model, frame.config.cloud)
        options = settings.points
        colors_hwc = (
            frame.image_hwc
            if options.color == 'image'
            else colorize(frame.segmentation.class_map_hw, frame.config.render.palette_rgb)
        )
        if not options.voxel_m:
            message = self._organised_message(projection.shape)
            points = np.frombuffer(message.data, POINT_DTYPE).reshape(projection.shape)
            projection.points(depth_hw, frame.segmentation, colors_hwc, points)
        else:
            organised = projection.points(depth_hw, frame.segmentation, colors_hwc)
            thinned = voxel_downsample(organised, options.voxel_m)
            message = _new_message(1, len(thinned), is_dense=True)
            message.data = array.array('B', thinned.tobytes())
        message.header = frame.header
        return message

    def _organised_message(self, shape: tuple[int, int]) -> PointCloud2:
        message = self._message
        if (message.height, message.width) != shape or message.is_dense:
            message = self._message = _new_message(*shape, is_dense=False)
            message.data = array.array('B', bytes(message.row_step * message.height))
        return message


def _new_message(height: int, width: int, is_dense: bool) -> PointCloud2:
    return PointCloud2(
        height=height,
        width=width,
        fields=_FIELDS,
        is_bigendian=False,
        point_step=POINT_DTYPE.itemsize,
        row_step=POINT_DTYPE.itemsize * width,
        is_dense=is_dense,
    )


def decoded_depth(frame: FrameResult) -> npt.NDArray[np.generic]:
    """
    Return the frame's depth image: uint16 in millimetres or float32 in metres, [h, w].

    Raises GeometryError where there is none, ImageError for one that cannot be read.
    """
    message = frame.depth
    if message is None:
        raise GeometryError(
            'no depth image has a stamp near enough to that of the image; publish registered '
            'depth on depth/image, or raise depth.max_stamp_difference_s'
        )
    data = np.frombuffer(message.data, np.uint8) if len(message.data) else np.empty(0, np.uint8)
    return decode_depth(
        data,
        message.encoding,
        message.height,
        message.width,
        message.step,
        bool(message.is_bigendian),
        frame.config.settings.max_image_pixels,
    )
