# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segmentation: class ids and confidences, as an engine returns them for a batch of images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    """8 bits a value: RGB images [H, W, 3], class ids or confidences [H, W]."""

UNLABELED_ID = 255
"""Class id of a pixel that belongs to no class; never the id of a class."""


@dataclass(frozen=True, eq=False)
class UnseenPixels:
    """
    Pixels that nobody looks at: outside of a region of interest, or ignored.

    Equal to itself alone.

    unseen_hw: uint8 [H, W], 255 for those, else 0; never changed.
    """

    unseen_hw: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class UnwrittenMap:
    """
    Class map that is yet to be computed, best in the place where it is needed.

    shape: its height and width in pixels; write: fills a contiguous array of that shape, uint8.
    A large map that is written once, and only where somebody wants it, saves passes over memory.
    """

    shape: tuple[int, int]
    write: Callable[[Pixels], object]


@dataclass(frozen=True)
class Segmentation:
    """
    Classes and confidences of one image.

    class_map: uint8 [H, W], class ids; 255 is unlabelled. Where it is yet to be written,
    `class_map_hw` does so when it is first asked for.
    confidence_hw: uint8 [H, W], softmax probability of the winning class times 255, rounded.
    small_class_map_hw: uint8 [h, w], what class_map_hw was enlarged from, where it is much larger:
    whoever paints it is quicker with this. None else.
    unseen: the pixels of class_map_hw that nobody looks at, which are unlabelled, too, with a
    confidence of 0; None for none. pictures: those that the engine has painted, by the name of
    their topic, RGB, uint8 [H, W, 3].
    """

    class_map: Pixels | UnwrittenMap
    confidence_hw: Pixels
    small_class_map_hw: npt.NDArray[np.uint8] | None = None
    unseen: UnseenPixels | None = None
    pictures: Mapping[str, Pixels] = field(default_factory=dict)

    @cached_property
    def class_map_hw(self) -> Pixels:
        """Return the class map, uint8 [H, W]."""
        if isinstance(self.class_map, np.ndarray):
            return self.class_map
        class_map_hw = np.empty(self.size, np.uint8)
        self.class_map.write(class_map_hw)
        return class_map_hw

    @property
    def size(self) -> tuple[int, int]:
        """Return the class map's height and width in pixels."""
        height, width = self.class_map.shape
        return height, width

    def write_class_map(self, out_hw: Pixels) -> None:
        """Write the class map into a contiguous array, uint8 [H, W]."""
        if isinstance(self.class_map, np.ndarray):
            np.copyto(out_hw, self.class_map)
        else:
            self.class_map.write(out_hw)


@dataclass(frozen=True)
class SegmentationBatch:
    """
    Classes and confidences of N images of one size, as an engine returns them.

    class_map_nhw: uint8 [N, H, W]; confidence_nhw: uint8 [N, H, W]; see Segmentation.
    """

    class_map_nhw: npt.NDArray[np.uint8]
    confidence_nhw: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        """Return N."""
        return len(self.class_map_nhw)

    def __getitem__(self, index: int) -> Segmentation:
        """Return image `index` of the batch as views, without a copy."""
        return Segmentation(self.class_map_nhw[index], self.confidence_nhw[index])
