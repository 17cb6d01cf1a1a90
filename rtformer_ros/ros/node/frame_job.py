# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frame in the worker: prepared on the host, or left as it came for an engine that takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rtformer_ros.ros.input.image_messages import (
    decode_compressed_message,
    decode_message,
    message_planes,
)
from rtformer_ros.ros.interface.topics import reading_depth
from rtformer_ros.stream.statistics import StageClock
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    from rtformer_ros.imaging.codecs import DecodedImage
    from rtformer_ros.imaging.resize import Size
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.node.camera import Camera
    from rtformer_ros.segmentation import Pixels


@dataclass(frozen=True)
class FrameJob:
    """
    Frame in the worker: whose it is, and its pixels.

    read_image: returns it as RGB, decoded once. source: its height and width. planes: as of
    frame_planes where the engine takes the frame as it came, None else; network_image_hwc: RGB at
    the network's size where it does not, None else.
    """

    camera: Camera
    message: Image | CompressedImage
    wanted: frozenset[str]
    read_image: Callable[[], Pixels]
    source: Size
    planes: tuple[Pixels, ...] | None
    network_image_hwc: Pixels | None
    clock: StageClock
    depth: Image | None

    @property
    def encoding(self) -> str:
        """Return how the message holds its pixels."""
        return _encoding_of(self.message)


def prepare_job(camera: Camera, frame: ReceivedImage, config: FrameConfig, index: int) -> FrameJob:
    """
    Decode a frame and bring it to the network's size, unless the engine takes it as it came.

    index: where in a batch it will be, see Segmenter.preprocess. Raises ImageError for a frame
    that cannot be read.
    """
    clock = StageClock(frame.received_s)
    clock.lap('wait')
    wanted, message = camera.wanted(), frame.message

    @cache
    def read() -> DecodedImage:
        decoded = _decoded(message, config, camera.topic)
        camera.note_doubt(decoded.doubt)
        return decoded

    network_image_hwc = None
    planes = _planes(message, config, camera)
    if planes is not None and isinstance(message, Image):
        source = (message.height, message.width)
        clock.lap('convert')
    else:
        image = read()
        source = (image.pixels_hwc.shape[0], image.pixels_hwc.shape[1])
        clock.lap('convert')
        network_image_hwc = config.segmenter.preprocess(image.pixels_hwc, index, image.rgb_code)
    clock.lap('preprocess')
    # It may be forgotten when a slow engine is done with the image.
    depth = camera.find_depth(message.header) if reading_depth(wanted) else None
    return FrameJob(
        camera,
        message,
        wanted,
        lambda: read().image_hwc,
        source,
        planes,
        network_image_hwc,
        clock,
        depth,
    )


def _planes(
    message: Image | CompressedImage, config: FrameConfig, camera: Camera
) -> tuple[Pixels, ...] | None:
    """Return the planes of a frame that the engine takes as it came, None for any other."""
    if not config.engine.frame_encodings:
        return None
    planes = None
    reason = config.reason_against_frames(_encoding_of(message))
    if isinstance(message, CompressedImage):
        reason = reason or 'they are compressed'
    elif not reason:
        planes = message_planes(message, config.settings.max_image_pixels)
        reason = config.reason_against_size((message.height, message.width))
    if reason:
        camera.note_doubt(f'they are prepared on the host: {reason}')
    return None if reason else planes


def _encoding_of(message: Image | CompressedImage) -> str:
    return message.format if isinstance(message, CompressedImage) else message.encoding


def _decoded(message: Image | CompressedImage, config: FrameConfig, topic: str) -> DecodedImage:
    settings = config.settings
    if isinstance(message, CompressedImage):
        return decode_compressed_message(message, settings.max_image_pixels)
    return decode_message(message, settings.max_image_pixels, settings.channel_order, topic)
