# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segmentation of slices: the images of a bag within a time span become messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
import logging
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.bags.bag_file import open_bag
from rtformer_ros.bags.slice_file import MadeMessage, write_slice
from rtformer_ros.drawing.rendering import Rendering, RenderSettings
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ImageError
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.media.bag import image_of
from rtformer_ros.media.bag_reader import message_types
from rtformer_ros.media.ignore_mask import read_ignore_mask
from rtformer_ros.media.image_topics import IMAGE
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


class SliceSegmenter:
    """
    Segments slices of bags; keeps bag and engine open between slices of one job.

    Close it, or use it in a `with` block.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._opened = ExitStack()
        self._job: BagJob | None = None

    def segment(
        self, job: BagJob, part: TimeSlice, on_image: Callable[[], None] = lambda: None
    ) -> None:
        """
        Segment the images of one slice into its file in the job's work folder.

        on_image: called after each image. An image that cannot be read is left out, and the log
        says so. Raises RtformerError where bag, model or folder cannot be used.
        """
        if job != self._job:
            self._open(job)
        write_slice(job.work_folder / part.file_name, self._made(job, part, on_image))

    def close(self) -> None:
        """Close bag and engine; the next slice opens them again."""
        self._job = None
        self._opened.close()

    def __enter__(self) -> SliceSegmenter:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _open(self, job: BagJob) -> None:
        self.close()
        self._reader = self._opened.enter_context(open_bag(job))
        ignored = read_ignore_mask(job.ignore_mask) if job.ignore_mask else None
        request = EngineRequest(
            job.model,
            job.engine,
            device=job.device,
            threads=job.threads,
            network_size=job.network_size,
        )
        engine = open_engine(request)
        self._opened.callback(engine.close)
        self._segmenter = Segmenter(engine, SegmentSettings(roi=job.roi, ignored=ignored))
        self._palette = RenderSettings(palette_rgb(engine.description.labels))
        self._job = job

    def _made(
        self, job: BagJob, part: TimeSlice, on_image: Callable[[], None]
    ) -> Iterator[MadeMessage]:
        types, numbers, reader = message_types(), Counter[str](), self._reader
        wanted = [c for c in reader.connections if c.topic in job.topics]
        for connection, _, data in reader.messages(wanted, part.start_ns, part.stop_ns):
            topic, number = connection.topic, numbers[connection.topic]
            numbers[topic] += 1
            try:
                message = reader.deserialize(data, connection.msgtype)
                image_hwc = image_of(message, connection.msgtype)
            except ImageError as error:
                _logger.warning('%s, image %d is left out: %s', topic, number, error)
            else:
                rendering = Rendering(self._palette, image_hwc, self._segmenter.segment(image_hwc))
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
