"""Read a calibration for projecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_model import CameraModel

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo


def camera_model(
    info: CameraInfo | None, height: int, width: int, is_rectified: bool
) -> CameraModel:
    """
    Return the calibration of an image of height x width pixels.

    Binning and region of interest of `info` are taken into account, and an image that was scaled
    as a whole. is_rectified: P holds, and no distortion. Raises GeometryError where there is no
    calibration, or one that does not fit the image.
    """
    if info is None:
        raise GeometryError(
            'no CameraInfo has come; expected one on camera_info with the calibration of the image'
        )
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
