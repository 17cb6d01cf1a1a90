# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Record of which frames were sent and which masks came back, and its summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from rtformer_ros.imaging.resize import Size


@dataclass
class ResultRecord:
    """
    Record of what came in while frames were played.

    Stamps are those of the message headers in nanoseconds; times are of the same clock. Sizes are
    height and width.
    """

    sent_ns: set[int] = field(default_factory=set)
    mask_received_ns: dict[int, int] = field(default_factory=dict)
    overlay_count: int = 0
    costmap_count: int = 0
    scan_count: int = 0
    image_size: Size = (0, 0)
    mask_size: Size = (0, 0)
    class_ids: set[int] = field(default_factory=set)
    node_values: Mapping[str, str] = field(default_factory=dict)

    def add_mask(
        self, stamp_ns: int, received_ns: int, class_map_hw: npt.NDArray[np.uint8]
    ) -> None:
        """Note a mask, uint8 [H, W]."""
        self.mask_received_ns[stamp_ns] = received_ns
        self.mask_size = (class_map_hw.shape[0], class_map_hw.shape[1])
        self.class_ids.update(np.flatnonzero(np.bincount(class_map_hw.reshape(-1))).tolist())

    def latencies_ms(self) -> npt.NDArray[np.float64]:
        """Return, for each mask of a frame that was sent, milliseconds from stamp to arrival."""
        return np.array(
            [
                (received_ns - stamp_ns) * 1e-6
                for stamp_ns, received_ns in self.mask_received_ns.items()
                if stamp_ns in self.sent_ns
            ],
            np.float64,
        )

    def masks_per_second(self) -> float:
        """Return the rate at which masks came, 0 for fewer than two."""
        times_ns = sorted(self.mask_received_ns.values())
        if len(times_ns) < 2:
            return 0.0
        return (len(times_ns) - 1) / ((times_ns[-1] - times_ns[0]) * 1e-9)

    def summary(self, error: str) -> dict[str, Any]:
        """Return plain data for JSON; sizes are [width, height]; error: '' where all went well."""
        latencies_ms = self.latencies_ms()
        p50, p95, longest = (
            np.percentile(latencies_ms, [50, 95, 100]).tolist()
            if latencies_ms.size
            else (None, None, None)
        )
        return {
            'error': error,
            'frames_sent': len(self.sent_ns),
            'masks_received': len(self.mask_received_ns),
            'masks_of_unknown_frames': len(self.mask_received_ns.keys() - self.sent_ns),
            'overlays_received': self.overlay_count,
            'costmaps_received': self.costmap_count,
            'scans_received': self.scan_count,
            'fps': self.masks_per_second(),
            'latency_ms': {'p50': p50, 'p95': p95, 'max': longest},
            'image_size': list(self.image_size[::-1]),
            'mask_size': list(self.mask_size[::-1]),
            'class_ids': sorted(self.class_ids),
            'node': dict(self.node_values),
        }
