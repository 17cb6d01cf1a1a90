# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Stripes of three colours that a camera sends, and what a node makes of each picture."""

import numpy as np
from ros_peer import NODE, number_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import Image


def three_stripes() -> np.ndarray:
    """Return 48 rows of red, green and blue columns, whose classes are 0, 1 and 2."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :20], image[:, 20:40], image[:, 40:] = (200, 10, 20), (10, 100, 20), (10, 20, 60)
    return image


class Stream:
    """Sends stripes one by one and returns what comes of each."""

    def __init__(self, peer, camera, topic: str, kind: type = Image) -> None:
        self._peer, self.camera = peer, camera
        self._messages = peer.collect(f'{NODE}/{topic}', kind)
        peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/{topic}'), topic)
        peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
        peer.spin_for(0.3)

    def next(self, image_hwc: np.ndarray | None = None):
        """Return the output of a new frame."""
        number = self.camera.publish(three_stripes() if image_hwc is None else image_hwc)
        return self._peer.wait_for(
            lambda: next((m for m in self._messages if number_of(m) == number), None),
            f'the output of frame {number}',
        )

    def pixels(self) -> np.ndarray:
        return image_array(self.next())


def column_values(pixels: np.ndarray) -> list:
    """Return the values of the three stripes."""
    return [pixels[10, x].tolist() for x in (5, 30, 60)]
