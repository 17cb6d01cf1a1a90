# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Images and calibrations of a ROS 2 bag, read without a ROS installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError, ImageError, listed
from rtformer_ros.imaging.codecs import decode_compressed
from rtformer_ros.imaging.encodings import colour_encoding, decode_image
from rtformer_ros.media.bag_reader import BagReader
from rtformer_ros.media.calibration import Calibration, RegionOfInterest
from rtformer_ros.media.frames import SourceFrame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
_CALIBRATION = 'sensor_msgs/msg/CameraInfo'
_USUAL_RATE_HZ = 10.0


class BagImages:
    """
    The images of one topic of a bag (mcap or sqlite3), timed as they were recorded.

    losses: sentences on what is missing of a bag that was not closed.
    """

    is_live = False

    def __init__(self, path: Path, topic: str = '') -> None:
        """
        Open a bag: its folder or its only file.

        topic: of Image or CompressedImage messages; '' is the first such topic by name.
        Raises ImageError when there is no bag to read, ConfigError when it lacks the topic.
        """
        self._path = path
        with BagReader(path) as reader:
            kinds = {each.topic: each.msgtype for each in reader.connections}
            self.topic = _choose_topic(kinds, path, topic)
            self._calibration_topic = _calibration_topic(kinds, self.topic)
            count = sum(each.msgcount for each in reader.connections if each.topic == self.topic)
            duration_s = (reader.end_time - reader.start_time) * 1e-9
            self.losses = tuple(reader.losses)
        if count == 0:
            raise ImageError(f'{path}: no message was recorded on {self.topic}')
        self.rate_hz = count / duration_s if count > 1 and duration_s > 0 else _USUAL_RATE_HZ

    @property
    def is_calibrated(self) -> bool:
        """Tell whether there is a camera_info beside the images."""
        return bool(self._calibration_topic)

    def __iter__(self) -> Iterator[SourceFrame]:
        """
        Return the images in the order of recording, each with the latest calibration before it.

        An image before all calibrations gets the first. Raises ImageError for a broken one.
        """
        first_ns = None
        topics = {self.topic, self._calibration_topic}
        with BagReader(self._path) as reader:
            calibration = self._first_calibration(reader)
            wanted = [c for c in reader.connections if c.topic in topics]
            for connection, time_ns, data in reader.messages(wanted):
                message = reader.deserialize(data, connection.msgtype)
                if connection.msgtype == _CALIBRATION:
                    calibration = _calibration(message)
                    continue
                first_ns = time_ns if first_ns is None else first_ns
                image = image_of(message, connection.msgtype)
                seconds = (time_ns - first_ns) * 1e-9
                yield SourceFrame(image, seconds, calibration=calibration)

    def _first_calibration(self, reader: BagReader) -> Calibration | None:
        connections = [c for c in reader.connections if c.topic == self._calibration_topic]
        if not connections:
            return None
        for connection, _, data in reader.messages(connections):
            return _calibration(reader.deserialize(data, connection.msgtype))
        return None


def image_of(message: Any, message_type: str) -> npt.NDArray[np.uint8]:
    """
    Return an image message's pixels, RGB, uint8 [H, W, 3].

    message: sensor_msgs/Image or CompressedImage as rosbags reads it, which `message_type` tells.
    Raises ImageError for data that do not fit their description.
    """
    if message_type == COMPRESSED_IMAGE:
        return decode_compressed(message.data, described=message.format).image_hwc
    return decode_image(
        message.data,
        colour_encoding(message.encoding),
        message.height,
        message.width,
        message.step,
        bool(message.is_bigendian),
    )


def _choose_topic(kinds: Mapping[str, str], path: Path, wanted: str) -> str:
    images = sorted(topic for topic, kind in kinds.items() if kind in (IMAGE, COMPRESSED_IMAGE))
    if not images:
        raise ConfigError(
            f'{path} has no topic of type {IMAGE} or {COMPRESSED_IMAGE}; its topics are: '
            f'{listed(sorted(kinds)) or "none"}'
        )
    if not wanted:
        return images[0]
    if wanted not in images:
        raise ConfigError(f"{path} has no images on '{wanted}'; expected {listed(images)}")
    return wanted


def _calibration_topic(kinds: Mapping[str, str], image_topic: str) -> str:
    """Return the camera_info beside a topic of images, '' for none."""
    # The images of NAME/image_raw may be on NAME/image_raw/compressed.
    parts = image_topic.split('/')
    for depth in (1, 2):
        topic = '/'.join([*parts[:-depth], 'camera_info'])
        if kinds.get(topic) == _CALIBRATION:
            return topic
    return ''


def _calibration(message: Any) -> Calibration:
    roi = message.roi
    return Calibration(
        height=message.height,
        width=message.width,
        distortion_model=message.distortion_model,
        d=tuple(message.d.tolist()),
        k=tuple(message.k.tolist()),
        r=tuple(message.r.tolist()),
        p=tuple(message.p.tolist()),
        binning_x=message.binning_x,
        binning_y=message.binning_y,
        roi=RegionOfInterest(
            roi.x_offset, roi.y_offset, roi.height, roi.width, bool(roi.do_rectify)
        ),
    )
