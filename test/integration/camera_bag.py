# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write the bag of a camera that tells its calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
PERIOD_NS = 100_000_000


def calibrated_bag(path: Path, pictures: np.ndarray, focal_px: float) -> Path:
    """
    Write /front/image and /front/camera_info of pictures, uint8 [N, H, W, 3] RGB, 10 a second.

    The axis meets the image 1 pixel left of and below its middle; the lens is bent a little.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    height, width = pictures.shape[1:3]
    stamp = types['builtin_interfaces/msg/Time'](sec=1, nanosec=0)
    header = types['std_msgs/msg/Header'](stamp=stamp, frame_id='front')
    k = np.array([focal_px, 0, width / 2 - 1, 0, focal_px, height / 2 + 1, 0, 0, 1])
    info = types[INFO](
        header=header, height=height, width=width, distortion_model='plumb_bob',
        d=np.array([-0.1, 0.02, 0.001, -0.001, 0.0]), k=k, r=np.eye(3).ravel(),
        p=np.zeros(12), binning_x=0, binning_y=0,
        roi=types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, do_rectify=False),
    )  # fmt: skip
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection('/front/image', IMAGE, typestore=store)
        infos = writer.add_connection('/front/camera_info', INFO, typestore=store)
        for index, picture in enumerate(pictures):
            message = types[IMAGE](
                header=header, height=height, width=width, encoding='rgb8', is_bigendian=0,
                step=width * 3, data=picture.reshape(-1),
            )  # fmt: skip
            writer.write(infos, index * PERIOD_NS, store.serialize_cdr(info, INFO))
            writer.write(images, index * PERIOD_NS, store.serialize_cdr(message, IMAGE))
    return path
