# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Play a depth camera: images, their calibration, and depth registered to them."""

from __future__ import annotations

from array import array

from closed_form_models import BLUE, GREEN, RED
from ground_scene import BOX, GROUND, Lens, Scene
import numpy as np
from sensor_msgs.msg import CameraInfo, Image

SMALL = Lens('plumb_bob', (-0.1, 0.02, 0.001, -0.001, 0.0), 48, 64, 60.0)


def picture_of(scene: Scene) -> np.ndarray:
    """Return a picture in which the closed-form model sees the scene, uint8 RGB [H, W, 3]."""
    class_map = scene.class_map()
    image = np.full((*class_map.shape, 3), BLUE, np.uint8)
    for class_id, color in ((GROUND, GREEN), (BOX, RED)):
        image[class_map == class_id] = color
    return image


def info_of(lens: Lens) -> CameraInfo:
    return CameraInfo(
        height=lens.height,
        width=lens.width,
        k=lens.k,
        d=lens.d,
        distortion_model=lens.model,
        r=np.eye(3).ravel(),
    )


class DepthCamera:
    """Sends images with their calibration, and depth images 20 ms after their stamp."""

    def __init__(self, peer, camera) -> None:
        self._peer, self._camera = peer, camera
        self.depths = peer.node.create_publisher(Image, 'depth/image', 5)
        self.lag_ns = 20_000_000

    def see(self, lens: Lens) -> None:
        """Say how the camera is calibrated from now on, or that it is not."""
        self.send_info(info_of(lens))

    def send_info(self, info: CameraInfo) -> None:
        self._camera.calibrate(info)

    def publish(self, image: np.ndarray, depth: np.ndarray | None = None) -> int:
        if depth is not None:
            self._peer.wait_for(self.depths.get_subscription_count, 'the node to want depth')
            self.send_depth(depth, self._camera._number + 1)
            self._peer.spin_for(0.2)
        return self._camera.publish(image)

    def send_depth(self, depth: np.ndarray, number: int) -> None:
        """Send the depth image of the image of that number."""
        message = Image(height=depth.shape[0], width=depth.shape[1])
        message.encoding = '16UC1' if depth.dtype == np.uint16 else '32FC1'
        message.step = depth.shape[1] * depth.itemsize
        message.data = array('B', depth.tobytes())
        now, self._camera._number = self._camera._number, number - 1
        self._camera.stamp(message.header)
        self._camera._number = now
        message.header.stamp.nanosec += self.lag_ns
        self.depths.publish(message)
