# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the image source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.start.declaration import declare

if TYPE_CHECKING:
    from rclpy.node import Node

_SPECS = (
    ParameterSpec(
        'source',
        '',
        'Video file, picture (see pan), folder of pictures, V4L2 device or ROS 2 bag; '
        "'' is the bundled clip",
        read_only=True,
    ),
    ParameterSpec('topic', '', "Image topic of a bag; '' is its first", read_only=True),
    ParameterSpec(
        'rate_hz', 0.0, "Frames per second; 0: the source's own rate", 0.0, 1000.0, read_only=True
    ),
    ParameterSpec('still', False, 'Of the bundled clip its street, at rest', read_only=True),
    ParameterSpec(
        'pan', False, 'Pan and zoom over a single picture, instead of showing it as a whole',
        read_only=True,
    ),
    ParameterSpec('loop', False, 'Start again at the end of the clip', read_only=True),
    ParameterSpec(
        'duration_s',
        0.0,
        'Seconds after which to end, whatever is left; 0 is no limit',
        0.0,
        86400.0,
        read_only=True,
    ),
    ParameterSpec('frame_id', 'camera', 'frame_id of the messages', read_only=True),
    ParameterSpec(
        'width', 0, "Width of the images in pixels; 0: the source's own", 0, 16384, read_only=True
    ),
    ParameterSpec(
        'height', 0, "Height of the images in pixels; 0 is the source's own", 0, 16384,
        read_only=True,
    ),
    ParameterSpec(
        'encoding', 'rgb8', 'Encoding of the images', choices=('rgb8', 'bgr8', 'mono8'),
        read_only=True,
    ),
    ParameterSpec(
        'reliability', 'reliable', 'Reliability of both topics',
        choices=('reliable', 'best_effort'), read_only=True,
    ),
    ParameterSpec(
        'field_of_view_deg', 60.0,
        'Horizontal field of view in degrees, for camera_info where the source (a bag) has none',
        1.0, 179.0, read_only=True,
    ),
    ParameterSpec(
        'wait_for_subscribers', 0, 'Subscribers of image to wait for before the first frame',
        0, 100, read_only=True,
    ),
    ParameterSpec(
        'wait_timeout_s', 30.0, 'Seconds to wait for them at most', 0.0, 3600.0, read_only=True
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ImageSourceSettings:
    """Settings of the image source; the fields are its parameters, described above."""

    source: str
    topic: str
    rate_hz: float
    still: bool
    pan: bool
    loop: bool
    duration_s: float
    frame_id: str
    width: int
    height: int
    encoding: str
    reliability: str
    field_of_view_deg: float
    wait_for_subscribers: int
    wait_timeout_s: float

    def __post_init__(self) -> None:
        """Raise ConfigError unless width and height are both given or both left out."""
        if (self.width == 0) != (self.height == 0):
            raise ConfigError(
                f'width is {self.width} and height is {self.height}; set both or neither'
            )


def read_settings(node: Node) -> ImageSourceSettings:
    """Declare the parameters; raises ConfigError for a value that is not allowed."""
    values: dict[str, Any] = declare(node, _SPECS)
    return ImageSourceSettings(**values)
