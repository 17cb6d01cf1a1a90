# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rendering of one frame: mask, colour mask, overlay and confidence, each drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.drawing.class_colors import blend_overlay, colorize, hidden_pixels
from rtformer_ros.imaging.resize import enlarge

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from rtformer_ros.segmentation import Pixels, Segmentation


@dataclass(frozen=True)
class RenderSettings:
    """
    How classes look.

    palette_rgb: uint8 [256, 3], black for ids that are not shown; shown_ids: bool [256], None for
    all; overlay_alpha: 0..1, the share of the class colour; jpeg_quality: 1..100.
    """

    palette_rgb: Pixels
    shown_ids: npt.NDArray[np.bool_] | None = None
    overlay_alpha: float = 0.5
    jpeg_quality: int = 90


class Rendering:
    """
    The pictures of one frame, each drawn when it is first asked for, unless the engine painted it.

    Every method writes into `out` where one is given: uint8, contiguous, [H, W] for ids and
    confidences and [H, W, 3] for RGB, of the segmentation's height and width.
    """

    def __init__(
        self,
        settings: RenderSettings,
        image_hwc: Pixels | Callable[[], Pixels],
        segmentation: Segmentation,
    ) -> None:
        """
        Keep the frame.

        image_hwc: RGB, uint8 [h, w, 3], of any size, or what returns it, called for an overlay.
        """
        self._settings = settings
        self._image_hwc = image_hwc
        self._segmentation = segmentation
        self._color_hwc: Pixels | None = segmentation.pictures.get('color_mask')

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all pictures, in pixels."""
        return self._segmentation.size

    def mask(self, out: Pixels) -> None:
        """Write the class ids."""
        self._segmentation.write_class_map(out)

    def confidence(self, out: Pixels) -> None:
        """Write the confidences, 0..255."""
        np.copyto(out, self._segmentation.confidence_hw)

    def color_mask(self, out: Pixels) -> None:
        """Write the colour of each pixel's class."""
        if self._color_hwc is None:
            self._color_hwc = self._paint(out)
        else:
            np.copyto(out, self._color_hwc)

    def overlay(self, out: Pixels) -> None:
        """Write the image with class colours over it; hidden classes leave it as it is."""
        painted_hwc = self._segmentation.pictures.get('overlay')
        if painted_hwc is not None:
            np.copyto(out, painted_hwc)
            return
        settings = self._settings
        if self._color_hwc is not None:
            ids_hw, color_hwc = self._segmentation.class_map_hw, self._color_hwc
        elif self._has_few_rows:
            ids_hw = self._row_ids_hw
            color_hwc = colorize(ids_hw, settings.palette_rgb)
        else:
            # Without a place of their own, the colours are painted into the overlay, and blended.
            ids_hw, color_hwc = self._segmentation.class_map_hw, self._paint(out)
        hidden_hw = hidden_pixels(ids_hw, settings.shown_ids)
        blend_overlay(self._resized_image_hwc, color_hwc, settings.overlay_alpha, hidden_hw, out)

    def _paint(self, out: Pixels) -> Pixels:
        """Write the colours of all pixels; looked up in few rows, which are then repeated."""
        ids_hw, palette = self._row_ids_hw, self._settings.palette_rgb
        if len(ids_hw) == self.size[0]:
            return colorize(ids_hw, palette, out)
        return enlarge(colorize(ids_hw, palette), out)

    @property
    def _has_few_rows(self) -> bool:
        """Whether each of `_row_ids_hw` stands for the same number of rows, two or more."""
        rows, height = len(self._row_ids_hw), self.size[0]
        return rows < height and height % rows == 0

    @cached_property
    def _row_ids_hw(self) -> Pixels:
        """Class ids at full width, but with as few rows as they were enlarged from."""
        small_hw = self._segmentation.small_class_map_hw
        if small_hw is None:
            return self._segmentation.class_map_hw
        return enlarge(small_hw, np.empty((len(small_hw), self.size[1]), np.uint8))

    @cached_property
    def _resized_image_hwc(self) -> Pixels:
        height, width = self.size
        image_hwc = self._image_hwc() if callable(self._image_hwc) else self._image_hwc
        if image_hwc.shape[:2] == (height, width):
            return image_hwc
        return cv2.resize(  # type: ignore[return-value]
            image_hwc, (width, height), interpolation=cv2.INTER_LINEAR
        )
