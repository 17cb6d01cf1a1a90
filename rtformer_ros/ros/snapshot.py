"""Bring together what belongs to one frame, and draw it for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.imaging.legend import ROW_HEIGHT_PX, draw_legend
from rtformer_ros.imaging.panels import draw_panels
from rtformer_ros.labels import LabelClass, LabelSet
from rtformer_ros.media.frames import scale_image
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_PARTS = frozenset({'image', 'mask', 'color_mask', 'overlay'})
_WAITING_FRAMES = 8


@dataclass(frozen=True)
class Snapshot:
    """
    Input and outputs of one frame, all RGB but the mask.

    image_hwc, color_hwc, overlay_hwc: uint8 [H, W, 3]; class_map_hw: uint8 [H, W]. The outputs
    may have another size than the input.
    """

    image_hwc: Pixels
    class_map_hw: Pixels
    color_hwc: Pixels
    overlay_hwc: Pixels

    def draw(self, class_names: Sequence[str]) -> Pixels:
        """Return input | class colours, legend | overlay, side by side, uint8 [H, W, 3] RGB."""
        height, width = self.image_hwc.shape[:2]
        panels = [
            ('input', self.image_hwc),
            ('classes', scale_image(self.color_hwc, height, width)),
        ]
        legend = self._legend(class_names, height // ROW_HEIGHT_PX)
        if legend is not None:
            panels.append(('legend', legend))
        panels.append(('overlay', scale_image(self.overlay_hwc, height, width)))
        return draw_panels(panels)

    def _legend(self, class_names: Sequence[str], most_rows: int) -> Pixels | None:
        """Draw the classes that are there, those of most pixels first, None for none."""
        counts = np.bincount(self.class_map_hw.reshape(-1), minlength=256)
        counts[UNLABELED_ID] = 0
        class_ids = [int(i) for i in np.argsort(-counts, kind='stable') if counts[i]][:most_rows]
        if not class_ids:
            return None
        # The colours are those of the picture, whatever the node was told to use.
        colors = np.zeros((256, 3), np.uint8)
        flat_ids, flat_colors = self.class_map_hw.reshape(-1), self.color_hwc.reshape(-1, 3)
        for class_id in class_ids:
            colors[class_id] = flat_colors[np.argmax(flat_ids == class_id)]
        names = [*class_names, *(f'class {i}' for i in range(len(class_names), 255))]
        labels = LabelSet('legend', tuple(LabelClass(name, (0, 0, 0)) for name in names))
        return draw_legend(labels, colors, class_ids)


class SnapshotTaker:
    """Collects the parts of frames and keeps the last whole frame up to a given time."""

    def __init__(self, until_s: float) -> None:
        """Keep the last whole frame up to `until_s` after the first, else the first after."""
        self._until_ns = round(until_s * 1e9)
        self._first_ns: int | None = None
        self._frames: dict[int, dict[str, Pixels]] = {}
        self._is_done = False
        self.snapshot: Snapshot | None = None

    def add(self, part: str, stamp_ns: int, pixels: Pixels) -> None:
        """Note one part of a frame: 'image', 'mask', 'color_mask' or 'overlay'."""
        if self._is_done:
            return
        if self._first_ns is None:
            self._first_ns = stamp_ns
        parts = self._frames.setdefault(stamp_ns, {})
        parts[part] = pixels
        if parts.keys() == _PARTS:
            self.snapshot = Snapshot(
                parts['image'], parts['mask'], parts['color_mask'], parts['overlay']
            )
            self._is_done = stamp_ns - self._first_ns >= self._until_ns
            del self._frames[stamp_ns]
        while len(self._frames) > _WAITING_FRAMES:
            del self._frames[next(iter(self._frames))]
        if self._is_done:
            self._frames.clear()
