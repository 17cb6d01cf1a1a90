# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Picture of one frame, drawn from messages that are matched by their stamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.drawing.legend import draw_legend, ROW_HEIGHT_PX
from rtformer_ros.drawing.panels import draw_panels
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from rtformer_ros.drawing.ground_picture import CostGrid, RangeScan
    from sensor_msgs.msg import CameraInfo

PICTURE_PARTS = frozenset({'image', 'mask', 'color_mask', 'overlay'})
GROUND_PARTS = PICTURE_PARTS | {'camera_info', 'costmap', 'scan'}
_WAITING_FRAMES = 8


@dataclass(frozen=True)
class Ground:
    """What planners get of a frame, and the calibration of its image."""

    grid: CostGrid
    scan: RangeScan
    camera_info: CameraInfo


@dataclass(frozen=True)
class FramePicture:
    """
    Picture of the input and outputs of one frame, all RGB but the mask.

    image_hwc, color_hwc, overlay_hwc: uint8 [H, W, 3]; class_map_hw: uint8 [H, W]. The outputs
    may have another size than the input. ground: what planners get of it, where asked for.
    """

    image_hwc: npt.NDArray[np.uint8]
    class_map_hw: npt.NDArray[np.uint8]
    color_hwc: npt.NDArray[np.uint8]
    overlay_hwc: npt.NDArray[np.uint8]
    ground: Ground | None = None

    def draw(self, class_names: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Return input | class colours, legend | overlay, side by side, uint8 [H, W, 3] RGB."""
        height, width = self.image_hwc.shape[:2]
        panels = [
            ('input', self.image_hwc),
            ('classes', scale_image(self.color_hwc, height, width)),
        ]
        legend = self.legend(class_names, height // ROW_HEIGHT_PX)
        if legend is not None:
            panels.append(('legend', legend))
        panels.append(('overlay', scale_image(self.overlay_hwc, height, width)))
        return draw_panels(panels)

    def legend(self, class_names: Sequence[str], most_rows: int) -> npt.NDArray[np.uint8] | None:
        """Return rows for the classes that are there, largest first, uint8 RGB; None for none."""
        counts = np.bincount(self.class_map_hw.reshape(-1), minlength=256)
        counts[UNLABELED_ID] = 0
        class_ids = [int(i) for i in np.argsort(-counts, kind='stable') if counts[i]][:most_rows]
        if not class_ids:
            return None
        # The colours are those of the picture, whatever the node's parameters say.
        colors = np.zeros((256, 3), np.uint8)
        flat_ids, flat_colors = self.class_map_hw.reshape(-1), self.color_hwc.reshape(-1, 3)
        for class_id in class_ids:
            colors[class_id] = flat_colors[np.argmax(flat_ids == class_id)]
        names = [*class_names, *(f'class {i}' for i in range(len(class_names), 255))]
        labels = LabelSet('legend', tuple(LabelClass(name, (0, 0, 0)) for name in names))
        return draw_legend(labels, colors, class_ids)


class FrameCollector:
    """Exact-time synchronizer of a frame's parts; keeps the last whole one up to a given time."""

    def __init__(self, until_s: float, wanted: frozenset[str] = PICTURE_PARTS) -> None:
        """
        Keep the last whole frame up to `until_s` after the first, else the first after.

        wanted: the parts that make it whole, PICTURE_PARTS or GROUND_PARTS.
        """
        self._wanted = wanted
        self._until_ns = round(until_s * 1e9)
        self._first_ns: int | None = None
        self._frames: dict[int, dict[str, Any]] = {}
        self._is_done = False
        self.picture: FramePicture | None = None

    def add(self, part: str, stamp_ns: int, value: object) -> None:
        """Note one part of a frame, of those of GROUND_PARTS; one not wanted is let go."""
        if self._is_done or part not in self._wanted:
            return
        if self._first_ns is None:
            self._first_ns = stamp_ns
        parts = self._frames.setdefault(stamp_ns, {})
        parts[part] = value
        if parts.keys() == self._wanted:
            self.picture = FramePicture(
                parts['image'],
                parts['mask'],
                parts['color_mask'],
                parts['overlay'],
                _ground(parts),
            )
            self._is_done = stamp_ns - self._first_ns >= self._until_ns
            del self._frames[stamp_ns]
        while len(self._frames) > _WAITING_FRAMES:
            del self._frames[next(iter(self._frames))]
        if self._is_done:
            self._frames.clear()


def _ground(parts: Mapping[str, Any]) -> Ground | None:
    if 'costmap' not in parts:
        return None
    return Ground(parts['costmap'], parts['scan'], parts['camera_info'])
