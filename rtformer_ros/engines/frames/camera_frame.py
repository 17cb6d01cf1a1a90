# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A camera's frame as it came, and what an engine is to make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.imaging.frame_sampling import FrameSampling
    from rtformer_ros.segmentation import Pixels


def _all_ids() -> npt.NDArray[np.uint8]:
    return np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class CameraFrame:
    """
    A camera's frame as it came, and what an engine is to make of it.

    encoding, planes: as of frame_planes. sampling: the way to the network's size and to that of
    the mask. remap: uint8 [256], the id that is put for each id; threshold: confidence, 0..255,
    below which a pixel becomes unlabelled.
    """

    encoding: str
    planes: tuple[Pixels, ...]
    sampling: FrameSampling
    remap: npt.NDArray[np.uint8] = field(default_factory=_all_ids)
    threshold: int = 0

    def inputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the inputs of the graph of with_frame_input by name."""
        sampling = self.sampling
        given: dict[str, npt.NDArray[np.generic]] = {
            'frame': np.ascontiguousarray(self.planes[0])[np.newaxis],
            'rows': sampling.rows.indices,
            'row_weights': sampling.rows.weights,
            'columns': sampling.columns.indices,
            'column_weights': sampling.columns.weights,
            'mask_rows': sampling.mask_rows,
            'mask_columns': sampling.mask_columns,
            'remap': self.remap.astype(np.float32),
            'threshold': np.array([self.threshold], np.float32),
        }
        if len(self.planes) > 1:
            given['chroma'] = np.ascontiguousarray(self.planes[1])[np.newaxis]
            given['chroma_rows'] = sampling.rows.indices // 2
        return given
