# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/coverage: share of each class in a polygon (diagnostic_msgs/DiagnosticArray)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rtformer_ros.imaging.polygon import polygon_mask
from rtformer_ros.stream.cached import Cached

if TYPE_CHECKING:
    from rtformer_ros.ros.frames.result import FrameResult


class CoverageConverter:
    """Converter of one camera's frames; caches the pixels of its polygon."""

    def __init__(self) -> None:
        """Start without them."""
        self._mask = Cached(polygon_mask)

    def __call__(self, frame: FrameResult) -> DiagnosticArray:
        """Return the share, 0..1, of each class; None of the pixels inside is all zeros."""
        class_map_hw = frame.segmentation.class_map_hw
        height, width = class_map_hw.shape
        mask_hw = self._mask(frame.config.settings.coverage.polygon, height, width)
        counts = cv2.calcHist([class_map_hw], [0], mask_hw, [256], [0, 256]).ravel()
        total = max(1.0, float(counts.sum(dtype=float)))
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK,
            name='coverage',
            hardware_id=frame.header.frame_id,
            values=[
                KeyValue(key=each.name, value=f'{counts[each.class_id] / total:.6f}')
                for each in frame.config.classes
            ],
        )
        return DiagnosticArray(header=frame.header, status=[status])
