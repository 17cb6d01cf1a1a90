# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Inference pipeline of an image: crop, resize, engine, class remap, threshold, output size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.engines.frames.painting import OVERLAY
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import (
    Buffers,
    content_of,
    enlarge,
    from_network,
    place,
    Placement,
    ResizeMode,
    Size,
    to_network,
)
from rtformer_ros.segmentation import (
    Segmentation,
    SegmentationBatch,
    UNLABELED_ID,
    UnseenPixels,
    UnwrittenMap,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.base import Engine
    from rtformer_ros.engines.frames.painting import Painting
    from rtformer_ros.imaging.roi import Roi

# Below this many times as many pixels, enlarging colours costs more than looking them up saves.
_MUCH_LARGER = 4
# Of images; cameras of one node may differ.
_MOST_SIZES = 8

OutputSize = Literal['source', 'network'] | Size


@dataclass(frozen=True)
class SegmentSettings:
    """
    Settings of the pre- and post-processing of a frame.

    roi: the part of it that the network sees, None for all. ignored: pixels of it that do not
    count, in a picture of any size, None for none. There and outside the roi the result is
    unlabelled (255), with a confidence of 0. resize: how that part is brought to the network's
    size. output_size: size of the result, which shows the whole image; 'network' is the network's
    size without letterbox bars. class_remap: the id that is put for each id, as 256 bytes; b''
    leaves ids alone. confidence_threshold: 0..1, softmax probability below which a pixel becomes
    unlabelled.
    """

    resize: ResizeMode = 'stretch'
    output_size: OutputSize = 'source'
    class_remap: bytes = b''
    confidence_threshold: float = 0.0
    roi: Roi | None = None
    ignored: UnseenPixels | None = None


class Segmenter:
    """
    Inference pipeline: an engine with its pre- and post-processing.

    The three steps may be called one by one, so that a caller can time them or batch the middle
    one; `segment` does all. Not thread-safe: it reuses the buffer of the network's images.
    """

    def __init__(self, engine: Engine, settings: SegmentSettings) -> None:
        """Keep the engine, which stays the caller's to close."""
        self._engine = engine
        self._settings = settings
        self._network_size = (engine.description.height, engine.description.width)
        self._buffer_nhwc = np.empty((1, *self._network_size, 3), np.uint8)
        self._buffers = Buffers()
        self._unseen_by_size: dict[Size, UnseenPixels] = {}
        self._remap = np.frombuffer(settings.class_remap, np.uint8)
        self._threshold = round(settings.confidence_threshold * 255)

    @property
    def engine(self) -> Engine:
        """Return the engine that runs the frames."""
        return self._engine

    @property
    def settings(self) -> SegmentSettings:
        """Return the settings of the frames."""
        return self._settings

    def output_size(self, source: Size) -> Size:
        """Return height and width of the result for a source of that size."""
        wanted = self._settings.output_size
        if wanted == 'source':
            return source
        if wanted == 'network':
            placement = place(source, self._network_size, self._settings.resize)
            return placement.height, placement.width
        return wanted

    def segment(self, image_hwc: npt.NDArray[np.uint8]) -> Segmentation:
        """
        Return classes and confidences of one RGB image, uint8 [H, W, 3], at the output size.

        Raises EngineError and its kin when the engine fails.
        """
        size = (image_hwc.shape[0], image_hwc.shape[1])
        return self.postprocess(self.infer(self.preprocess(image_hwc))[0], size)

    def segment_frame(
        self,
        encoding: str,
        planes: tuple[npt.NDArray[np.uint8], ...],
        source: Size,
        *,
        with_confidence: bool = True,
        pictures: frozenset[str] = frozenset(),
        painting: Painting | None = None,
    ) -> Segmentation:
        """
        Return classes and confidences of a camera's frame as it came, at the output size.

        encoding: one that the engine takes; planes: as of frame_planes; source: height and width
        of the frame; with_confidence, painting: as of CameraFrame; pictures: those that somebody
        looks at, of which the result has what the engine can paint. The settings must have no roi
        and ignore nothing. Raises EngineError and its kin when the engine fails.
        """
        placement = place(source, self._network_size, self._settings.resize)
        size = self.output_size(source)
        sampling = frame_sampling(source, placement, size)
        remap = self._remap if self._remap.size else np.arange(256, dtype=np.uint8)
        pictures &= self._engine.frame_pictures
        if size != source:
            pictures -= {OVERLAY}
        frame = CameraFrame(
            encoding,
            planes,
            sampling,
            remap,
            self._threshold,
            with_confidence,
            pictures,
            painting if pictures else None,
        )
        result = self._engine.infer_frame(frame)
        assert result.small_class_map_hw is not None
        small_hw = _small(result.small_class_map_hw, placement, size)
        return replace(result, small_class_map_hw=small_hw)

    def preprocess(
        self, image_hwc: npt.NDArray[np.uint8], index: int = 0, rgb_code: int | None = None
    ) -> npt.NDArray[np.uint8]:
        """
        Return the image as RGB at the network's size; valid until the next call for its index.

        index: where in a batch it will be, 0 for the first; a batch is filled from the front.
        image_hwc, rgb_code: as of to_network.
        """
        if index >= len(self._buffer_nhwc):
            self._buffer_nhwc = np.empty((index + 1, *self._network_size, 3), np.uint8)
        source = (image_hwc.shape[0], image_hwc.shape[1])
        if self._settings.roi is not None:
            image_hwc = image_hwc[self._settings.roi.slices(source)]
        return to_network(
            image_hwc, self._placement(source), self._buffer_nhwc[index], self._buffers, rgb_code
        )

    def infer(self, *network_images_hwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        """Run the engine once on what `preprocess` returned for indices 0, 1 and so on."""
        if len(network_images_hwc) == 1:
            return self._engine.infer(network_images_hwc[0][np.newaxis])
        for index, image_hwc in enumerate(network_images_hwc):
            # It is elsewhere if it came in the network's size, or before the buffer grew.
            if image_hwc.base is not self._buffer_nhwc:
                self._buffer_nhwc[index] = image_hwc
        return self._engine.infer(self._buffer_nhwc[: len(network_images_hwc)])

    def postprocess(
        self, result: Segmentation, source: Size, *, with_confidence: bool = True
    ) -> Segmentation:
        """
        Remap, threshold and resize one result of `infer` for a source of that size.

        with_confidence: False leaves the confidence at the network's size, bars included, for a
        caller who does not look at it.
        """
        placement = self._placement(source)
        size = self.output_size(source)
        ids_hw, confidence_hw = self._ids(result), result.confidence_hw
        if with_confidence:
            confidence_hw = self._put_back(confidence_hw, placement, size)
        unseen = self._unseen(size)
        small_hw = _small(ids_hw, placement, size)
        if unseen is None and small_hw is not None:
            late = UnwrittenMap(size, partial(enlarge, small_hw))
            return Segmentation(late, confidence_hw, small_hw)
        class_map_hw = self._put_back(ids_hw, placement, size)
        if unseen is None:
            return Segmentation(class_map_hw, confidence_hw)
        if with_confidence:
            confidence_hw = np.asarray(cv2.subtract(confidence_hw, unseen.unseen_hw), np.uint8)
        # Any id, together with the bits of 255, is 255: unlabelled.
        class_map_hw = np.asarray(cv2.bitwise_or(class_map_hw, unseen.unseen_hw), np.uint8)
        return Segmentation(class_map_hw, confidence_hw, unseen=unseen)

    def _placement(self, source: Size) -> Placement:
        """Return where what the network sees of a source lies in the network's image."""
        roi = self._settings.roi
        seen = source if roi is None else roi.size(source)
        return place(seen, self._network_size, self._settings.resize)

    def _unseen(self, size: Size) -> UnseenPixels | None:
        """Return the pixels of a result of that size that nobody looks at, None for none."""
        roi, ignored = self._settings.roi, self._settings.ignored
        if roi is None and ignored is None:
            return None
        if size not in self._unseen_by_size:
            if len(self._unseen_by_size) >= _MOST_SIZES:
                self._unseen_by_size.clear()
            self._unseen_by_size[size] = _unseen_pixels(roi, ignored, size)
        return self._unseen_by_size[size]

    def _put_back(
        self, map_hw: npt.NDArray[np.uint8], placement: Placement, size: Size
    ) -> npt.NDArray[np.uint8]:
        """Return a map of the network's size at `size`, 0 outside the region of interest."""
        roi = self._settings.roi
        if roi is None:
            return from_network(map_hw, placement, size)
        whole_hw = np.zeros(size, np.uint8)
        whole_hw[roi.slices(size)] = from_network(map_hw, placement, roi.size(size))
        return whole_hw

    def _ids(self, result: Segmentation) -> npt.NDArray[np.uint8]:
        """Return remapped ids above the threshold, at the network's size, where it is cheap."""
        class_map_hw = result.class_map_hw
        if self._remap.size:
            class_map_hw = cv2.LUT(class_map_hw, self._remap)  # type: ignore[assignment]
        if self._threshold:
            class_map_hw = np.where(
                result.confidence_hw < self._threshold, np.uint8(UNLABELED_ID), class_map_hw
            )
        return class_map_hw


def _small(
    ids_hw: npt.NDArray[np.uint8], placement: Placement, size: Size
) -> npt.NDArray[np.uint8] | None:
    """Return what a class map of `size` is enlarged from where it is much larger, None else."""
    small_hw = content_of(ids_hw, placement)
    return small_hw if size[0] * size[1] >= _MUCH_LARGER * small_hw.size else None


def _unseen_pixels(roi: Roi | None, ignored: UnseenPixels | None, size: Size) -> UnseenPixels:
    """Return what of an image of that size is outside the region, or ignored."""
    unseen_hw = np.zeros(size, np.uint8)
    if ignored is not None:
        enlarge(ignored.unseen_hw, unseen_hw)
    if roi is not None:
        seen = roi.slices(size)
        inside_hw = unseen_hw[seen].copy()
        unseen_hw[:] = 255
        unseen_hw[seen] = inside_hw
    return UnseenPixels(unseen_hw)
