# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subjects of a measurement: what a runtime is called with, and what it should say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.bundled_images import bundled_images
from rtformer_ros.engines.frames.picture_frame import encoded_picture
from rtformer_ros.engines.tensorrt.build.verification import FrameReference, Reference
from rtformer_ros.imaging.encodings import decode_image, frame_planes
from rtformer_ros.segmenter import Segmenter, SegmentSettings

if TYPE_CHECKING:
    import numpy.typing as npt

FRAME_SIZE = (1080, 1920)


@dataclass(frozen=True)
class ImageSubject:
    """Images of the network's size, that a runtime is called with, and what it should say."""

    reference: Reference

    def inputs(self, batch: int) -> list[npt.NDArray[np.uint8]]:
        """Return what the calls are given: each image as often as a batch holds, [N, H, W, 3]."""
        return [repeated(image_hwc, batch) for image_hwc in self.reference.images_nhwc]

    def agreement_of(self, results: Sequence[npt.NDArray[np.uint8]]) -> float:
        """Return the share of pixels [N, H, W] that are as they should be."""
        return self.reference.agreement_of(np.stack([result[0] for result in results]))


@dataclass(frozen=True)
class FrameMessage:
    """A frame as a message has it, of 1080p."""

    encoding: str
    data: npt.NDArray[np.uint8]
    step: int

    def planes(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """Return the frame as an engine takes it."""
        return frame_planes(self.data, self.encoding, *FRAME_SIZE, self.step)

    def decoded(self) -> npt.NDArray[np.uint8]:
        """Return the image that the host makes of it, RGB [H, W, 3]."""
        return decode_image(self.data, self.encoding, *FRAME_SIZE, self.step, is_bigendian=False)


@dataclass(frozen=True)
class FrameSubject:
    """Frames that an engine is called with; the host with ONNX Runtime says what is right."""

    messages: tuple[FrameMessage, ...]
    reference: FrameReference

    @classmethod
    def of(cls, model: Path, encoding: str) -> FrameSubject:
        """Prepare frames on the host and run them on the CPU."""
        messages = tuple(
            FrameMessage(encoding, *encoded_picture(image_hwc, encoding))
            for image_hwc in bundled_images(FRAME_SIZE)
        )
        with closing(open_engine(EngineRequest(model, 'onnxruntime', device='cpu'))) as engine:
            segmenter = Segmenter(engine, SegmentSettings())
            maps = tuple(segmenter.segment(each.decoded()).class_map_hw for each in messages)
        return cls(messages, FrameReference((), maps))

    def inputs(self, batch: int) -> list[FrameMessage]:
        """Return what the calls are given; batch: 1."""
        assert batch == 1, 'frames go one by one'
        return list(self.messages)

    def agreement_of(self, results: Sequence[npt.NDArray[np.uint8]]) -> float:
        """Return the share of pixels [H, W] of the frames that are as they should be."""
        return self.reference.agreement_of(results)


def repeated(image_hwc: npt.NDArray[np.uint8], batch: int) -> npt.NDArray[np.uint8]:
    """Return a batch of one image, [N, H, W, 3]."""
    return np.repeat(image_hwc[np.newaxis], batch, axis=0)
