# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A camera's frame as it came, and what an engine is to make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ModelError
from rtformer_ros.model_metadata import InputFormat

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.frames.painting import Painting
    from rtformer_ros.imaging.frame_sampling import FrameSampling
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import Pixels


def _all_ids() -> npt.NDArray[np.uint8]:
    return np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class CameraFrame:
    """
    A camera's frame as it came, and what an engine is to make of it.

    encoding, planes: as of frame_planes. sampling: the way to the network's size and to that of
    the mask. remap: uint8 [256], the id that is put for each id; threshold: confidence, 0..255,
    below which a pixel becomes unlabelled. with_confidence: False where nobody looks at the
    confidence, which then is 0 everywhere. pictures: those of PICTURES that somebody looks at,
    with an overlay only where the mask has the frame's size; painting: what they look like, None
    where there are none.
    """

    encoding: str
    planes: tuple[Pixels, ...]
    sampling: FrameSampling
    remap: npt.NDArray[np.uint8] = field(default_factory=_all_ids)
    threshold: int = 0
    with_confidence: bool = True
    pictures: frozenset[str] = frozenset()
    painting: Painting | None = None

    @property
    def mask_size(self) -> tuple[int, int]:
        """Return height and width of the mask."""
        return len(self.sampling.mask_rows), len(self.sampling.mask_columns)

    def pixels(self) -> dict[str, Pixels]:
        """Return the frame itself, as inputs of the graph by name: views, also of padded rows."""
        names = ('frame', 'chroma')[: len(self.planes)]
        return {name: plane[np.newaxis] for name, plane in zip(names, self.planes, strict=True)}

    def picture_tables(self, picture: str) -> dict[str, npt.NDArray[np.generic]]:
        """Return the inputs of the graph of a picture, but for the pixels and `class_map`."""
        assert self.painting is not None, 'pictures come with what they look like'
        has_chroma = len(self.planes) > 1
        return self.painting.tables(picture, len(self.planes[0]), has_chroma=has_chroma)

    def inputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the inputs of the graph of with_frame_input by name."""
        pixels = {name: np.ascontiguousarray(each) for name, each in self.pixels().items()}
        return {**pixels, **self.tables()}

    def tables(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all other inputs, which are the same for frames of one size and settings."""
        sampling = self.sampling
        given: dict[str, npt.NDArray[np.generic]] = {
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
            given['chroma_rows'] = sampling.rows.indices // 2
        return given


def check_takes_frames(name: str, metadata: ModelMetadata) -> None:
    """Raise ModelError unless a model, by its metadata, can be made one that takes frames."""
    is_ours = metadata.input == InputFormat() and metadata.output == 'class_map_confidence'
    if not is_ours or not metadata.height or not metadata.width:
        raise ModelError(
            f'{name} takes {metadata.input.layout} and returns {metadata.output}; frames go into '
            "models alone that 'ros2 run rtformer_ros export' makes"
        )
