# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a frame that an engine can paint beside its masks, and how classes look in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.segmentation import Pixels

COLOR_MASK, OVERLAY = 'color_mask', 'overlay'
PICTURES = frozenset({COLOR_MASK, OVERLAY})
"""Names of all pictures: of their graphs, and of what these return."""


@dataclass(frozen=True, eq=False)
class Painting:
    """
    How classes look in pictures.

    Equal to itself alone, so that a device gets it once.
    palette_rgb: uint8 [256, 3]; opacity: float32 [256], 0..1, the share of the colour in an
    overlay for each id, 0 for ids that leave the frame as it is.
    """

    palette_rgb: Pixels
    opacity: npt.NDArray[np.float32]

    def tables(
        self, picture: str, height: int, *, has_chroma: bool
    ) -> dict[str, npt.NDArray[np.generic]]:
        """
        Return what the graph of a picture takes beside the frame and its mask, by name.

        height: of the frame, in pixels; has_chroma: whether that has a plane of its own for it.
        """
        given: dict[str, npt.NDArray[np.generic]] = {
            'palette': self.palette_rgb.astype(np.float32)
        }
        if picture == OVERLAY:
            given['opacity'] = self.opacity[:, np.newaxis]
            if has_chroma:
                given['chroma_rows'] = np.arange(height, dtype=np.int32) // 2
        return given
