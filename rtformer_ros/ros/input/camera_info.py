# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Calibration of a camera (sensor_msgs/CameraInfo): by stamp, scaled, or as a camera model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_model import CameraModel, scale_intrinsics, scale_projection
from sensor_msgs.msg import CameraInfo, RegionOfInterest

if TYPE_CHECKING:
    from std_msgs.msg import Header


_KEPT = 16


class CameraInfoCache:
    """Cache of the latest calibrations of one camera, by stamp."""

    def __init__(self) -> None:
        """Start with none."""
        self._infos: dict[tuple[int, int], CameraInfo] = {}

    @property
    def is_empty(self) -> bool:
        """Return whether none has come yet."""
        return not self._infos

    def add(self, info: CameraInfo) -> None:
        """Keep a message, and forget the oldest."""
        # One copy that is exchanged, as the worker looks meanwhile. A stamp that comes again, as
        # after a jump back in time, is the newest again.
        infos = dict(self._infos)
        stamp = (info.header.stamp.sec, info.header.stamp.nanosec)
        infos.pop(stamp, None)
        infos[stamp] = info
        while len(infos) > _KEPT:
            del infos[next(iter(infos))]
        self._infos = infos

    def find(self, header: Header) -> CameraInfo | None:
        """Return the calibration with the image's stamp, else the newest, else None."""
        infos = self._infos
        if not infos:
            return None
        exact = infos.get((header.stamp.sec, header.stamp.nanosec))
        return exact if exact is not None else infos[next(reversed(infos))]


def scaled_camera_info(
    info: CameraInfo | None, header: Header, height: int, width: int
) -> CameraInfo:
    """
    Return the calibration for outputs of height x width pixels, under the image's header.

    Binning and region of interest stay, so that the size in it is that of the outputs only where
    there are none, as in `info`. An uncalibrated camera (width or height 0) gets the size alone.
    `info` is not changed. Raises GeometryError where there is none.
    """
    info = _known(info)
    image_height, image_width = _image_size(info)
    scale_x, scale_y = width / image_width, height / image_height
    scaled = CameraInfo(
        header=header,
        height=round(info.height * scale_y) or height,
        width=round(info.width * scale_x) or width,
        distortion_model=info.distortion_model,
        d=info.d,
        k=info.k,
        r=info.r,
        p=info.p,
        binning_x=info.binning_x,
        binning_y=info.binning_y,
        roi=info.roi,
    )
    if info.width and info.height and (scale_x, scale_y) != (1.0, 1.0):
        scaled.k = scale_intrinsics(info.k, scale_x, scale_y)
        scaled.p = scale_projection(info.p, scale_x, scale_y)
        scaled.roi = RegionOfInterest(
            x_offset=round(info.roi.x_offset * scale_x),
            y_offset=round(info.roi.y_offset * scale_y),
            height=round(info.roi.height * scale_y),
            width=round(info.roi.width * scale_x),
            do_rectify=info.roi.do_rectify,
        )
    return scaled


def _known(info: CameraInfo | None) -> CameraInfo:
    if info is None:
        raise GeometryError(
            'no CameraInfo has come; expected one on camera_info with the calibration of the image'
        )
    return info


def _image_size(info: CameraInfo) -> tuple[int, int]:
    """Return height and width of the images that belong to a calibration, 1 at least."""
    height, width = info.roi.height or info.height, info.roi.width or info.width
    return max(1, height // max(1, info.binning_y)), max(1, width // max(1, info.binning_x))


def camera_model(
    info: CameraInfo | None, height: int, width: int, is_rectified: bool
) -> CameraModel:
    """
    Return the calibration of an image of height x width pixels.

    Binning and region of interest of `info` are taken into account, and an image that was scaled
    as a whole. is_rectified: P holds, and no distortion. Raises GeometryError where there is no
    calibration, or one that does not fit the image.
    """
    info = _known(info)
    if is_rectified:
        p = [float(value) for value in info.p]
        k = (*p[0:3], *p[4:7], *p[8:11])
        model = CameraModel(info.height, info.width, k)
    else:
        model = CameraModel(
            info.height,
            info.width,
            tuple(float(value) for value in info.k),
            info.distortion_model,
            tuple(float(value) for value in info.d),
            tuple(float(value) for value in info.r),
        )
    roi = info.roi
    if roi.width and roi.height:
        model = model.cropped(roi.x_offset, roi.y_offset, roi.height, roi.width)
    binning_x, binning_y = max(1, info.binning_x), max(1, info.binning_y)
    if (binning_x, binning_y) != (1, 1):
        model = model.scaled(max(1, model.height // binning_y), max(1, model.width // binning_x))
    return model.of_image(height, width)
