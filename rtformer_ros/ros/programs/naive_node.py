# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Naive segmentation node, the yardstick of the benchmark: what one writes first, with rclpy."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rclpy.node import Node
from rtformer_ros.ros.process.run_node import run_node
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    import threading

    import numpy.typing as npt
    from std_msgs.msg import Header

_QUEUE = 10
_ALPHA = 0.5


class NaiveNode(Node):
    """
    Node with one callback: resize, infer, enlarge, publish; rgb8 images only.

    It has the real node's name and topics, so that the same workload measures it. It is not for
    use: it trusts every message, and falls behind a camera that is too quick.
    """

    def __init__(self) -> None:
        """Open the model of the parameter `model` with ONNX Runtime, and subscribe."""
        super().__init__('segmentation_node')
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(self.declare_parameter('threads', 1).value)
        model = str(self.declare_parameter('model', '').value)
        self._session = onnxruntime.InferenceSession(
            model, options, providers=['CPUExecutionProvider']
        )
        _, self._height, self._width, _ = self._session.get_inputs()[0].shape
        self._palette = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
        self._mask = self.create_publisher(Image, '~/mask', _QUEUE)
        self._overlay = self.create_publisher(Image, '~/overlay', _QUEUE)
        self._compressed = self.create_publisher(CompressedImage, '~/overlay/compressed', _QUEUE)
        self.create_subscription(Image, 'image', self._segment, _QUEUE)

    def _segment(self, message: Image) -> None:
        height, width = message.height, message.width
        image = np.frombuffer(message.data, np.uint8).reshape(height, width, 3)
        small = np.asarray(cv2.resize(image, (self._width, self._height)), np.uint8)
        small_mask = self._session.run(['class_map'], {'image': small[np.newaxis]})[0][0]
        mask = np.asarray(
            cv2.resize(small_mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8
        )
        self._mask.publish(_message(message.header, mask, 'mono8'))
        listeners = self._overlay.get_subscription_count()
        jpeg_listeners = self._compressed.get_subscription_count()
        if not listeners and not jpeg_listeners:
            return
        colors = self._palette[mask]
        overlay = np.asarray(cv2.addWeighted(image, 1 - _ALPHA, colors, _ALPHA, 0.0), np.uint8)
        if listeners:
            self._overlay.publish(_message(message.header, overlay, 'rgb8'))
        if jpeg_listeners:
            data = cv2.imencode('.jpg', cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))[1].tobytes()
            self._compressed.publish(
                CompressedImage(header=message.header, format='rgb8; jpeg compressed', data=data)
            )


def _message(header: Header, pixels: npt.NDArray[np.uint8], encoding: str) -> Image:
    height, width = pixels.shape[:2]
    step = pixels.size // height
    return Image(
        header=header, height=height, width=width, encoding=encoding, step=step,
        data=pixels.tobytes(),
    )  # fmt: skip


def _serve(node: NaiveNode, stop: threading.Event) -> None:
    del node
    stop.wait()


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    return run_node('naive_node', NaiveNode, _serve, args)


if __name__ == '__main__':
    sys.exit(main())
