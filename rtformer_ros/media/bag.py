# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Images and calibrations of a ROS 2 bag, read without a ROS installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
import logging
from pathlib import Path
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import decode_compressed
from rtformer_ros.imaging.encodings import colour_encoding, decode_image
from rtformer_ros.media.bag_reader import BagReader
from rtformer_ros.media.calibration import Calibration, RegionOfInterest
from rtformer_ros.media.frames import SourceFrame
from rtformer_ros.media.image_topics import (
    COMPRESSED_IMAGE,
    find_image_topics,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_logger = logging.getLogger(__name__)

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

        topic: of Image or CompressedImage messages; '' is the first by name of those that a camera
        in colour gives, of the others where there is none; depth and masks only where named.
        Raises ImageError when there is no bag to read, ConfigError when it lacks the topic.
        """
        self._path = path
        with BagReader(path) as reader:
            kinds = {each.topic: each.msgtype for each in reader.connections}
            topics = find_image_topics(reader)
            chosen = topics.chosen(path, (topic,) if topic else ())
            self.topic = next((each for each in topics.pictures if each in chosen), chosen[0])
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

        An image before all calibrations gets the first. One that is broken is left out, and the
        log says so; raises ImageError where all are.
        """
        first_ns = None
        topics = {self.topic, self._calibration_topic}
        failure = f'{self._path}: no image of {self.topic} can be read'
        with BagReader(self._path) as reader:
            calibration = self._first_calibration(reader)
            wanted = [c for c in reader.connections if c.topic in topics]
            for connection, time_ns, data in reader.messages(wanted):
                try:
                    message = reader.deserialize(data, connection.msgtype)
                    if connection.msgtype == _CALIBRATION:
                        calibration = _calibration(message)
                        continue
                    image = image_of(message, connection.msgtype)
                except ImageError as error:
                    _logger.warning('%s: a message is left out: %s', connection.topic, error)
                    failure = f'{self._path}: no image of {self.topic} can be read: {error}'
                    continue
                first_ns = time_ns if first_ns is None else first_ns
                seconds = (time_ns - first_ns) * 1e-9
                yield SourceFrame(image, seconds, calibration=calibration)
        if first_ns is None:
            raise ImageError(failure)

    def _first_calibration(self, reader: BagReader) -> Calibration | None:
        connections = [c for c in reader.connections if c.topic == self._calibration_topic]
        if not connections:
            return None
        for connection, _, data in reader.messages(connections):
            with suppress(ImageError):
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
