# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segmentation of one slice: the images of a bag within its time span become messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
import logging
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.bags.bag_file import image_topics, open_bag
from rtformer_ros.bags.slice_file import MadeMessage, write_slice
from rtformer_ros.drawing.rendering import Rendering, RenderSettings
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ImageError
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.media.bag import IMAGE, image_of
from rtformer_ros.media.bag_reader import message_types
from rtformer_ros.segmenter import Segmenter, SegmentSettings

if TYPE_CHECKING:
    import numpy.typing as npt
    from rosbags.typesys.store import Typestore
    from rtformer_ros.bags.job import BagJob, TimeSlice

    _Draw = Callable[[Rendering, npt.NDArray[np.uint8]], None]

_logger = logging.getLogger(__name__)

_DRAWN: dict[str, tuple[str, int, _Draw]] = {
    'mask': ('mono8', 1, Rendering.mask),
    'color_mask': ('rgb8', 3, Rendering.color_mask),
    'overlay': ('rgb8', 3, Rendering.overlay),
    'confidence': ('mono8', 1, Rendering.confidence),
}


def segment_slice(
    job: BagJob, part: TimeSlice, on_image: Callable[[], None] = lambda: None
) -> None:
    """
    Segment the images of one slice into its file in the job's work folder.

    on_image: called after each image. An image that cannot be read is left out, and the log says
    so. Raises RtformerError where bag, model or folder cannot be used.
    """
    engine = open_engine(
        EngineRequest(job.model, job.engine, device=job.device, threads=job.threads)
    )
    try:
        segmenter = Segmenter(engine, SegmentSettings())
        palette = RenderSettings(palette_rgb(engine.description.labels))
        made = _made(job, part, segmenter, palette, on_image)
        write_slice(job.work_folder / part.file_name, made)
    finally:
        engine.close()


def _made(
    job: BagJob,
    part: TimeSlice,
    segmenter: Segmenter,
    palette: RenderSettings,
    on_image: Callable[[], None],
) -> Iterator[MadeMessage]:
    types, numbers = message_types(), Counter[str]()
    with open_bag(job) as reader:
        topics = image_topics(reader, job.source, job.topics)
        wanted = [c for c in reader.connections if c.topic in topics]
        for connection, _, data in reader.messages(wanted, part.start_ns, part.stop_ns):
            topic, number = connection.topic, numbers[connection.topic]
            numbers[topic] += 1
            try:
                message = reader.deserialize(data, connection.msgtype)
                image_hwc = image_of(message, connection.msgtype)
            except ImageError as error:
                _logger.warning('%s, image %d is left out: %s', topic, number, error)
            else:
                rendering = Rendering(palette, image_hwc, segmenter.segment(image_hwc))
                for output in job.outputs:
                    cdr = _message(types, message.header, rendering, output)
                    yield MadeMessage(topic, number, output, cdr)
            on_image()


def _message(types: Typestore, header: Any, rendering: Rendering, output: str) -> bytes:
    encoding, channels, draw = _DRAWN[output]
    height, width = rendering.size
    pixels = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    draw(rendering, pixels)
    message = types.types[IMAGE](
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels,
        data=pixels.reshape(-1),
    )
    return bytes(types.serialize_cdr(message, IMAGE))
