"""Pixel index by bin: sorted once, so that each further image is reduced by bin quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy.typing as npt

    from rtformer_ros.geometry.arrays import Indices
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.segmentation import Segmentation


@dataclass(frozen=True)
class PixelBins:
    """
    Which pixels belong to which bin.

    pixels_n: row-major pixel indices, those of one bin side by side; a pixel may be in several
    bins. starts_m: where each bin begins in them; bins_m: its number. Bins without pixels are
    left out.
    """

    pixels_n: Indices
    starts_m: Indices
    bins_m: Indices

    @classmethod
    def of(cls, bins_n: Indices, pixels_n: Indices) -> PixelBins:
        """Sort pairs of a bin's number and a pixel; negative ones and repetitions are dropped."""
        is_kept = (bins_n >= 0) & (pixels_n >= 0)
        bins_n, pixels_n = bins_n[is_kept], pixels_n[is_kept]
        # Pixels in ascending order within a bin, so that gathering walks through memory.
        image_size = int(pixels_n.max(initial=0)) + 1
        bins_n, pixels_n = np.divmod(np.unique(bins_n * image_size + pixels_n), image_size)
        starts_m = np.flatnonzero(np.diff(bins_n, prepend=-1))
        return cls(pixels_n, starts_m, bins_n[starts_m])


def class_codes(
    segmentation: Segmentation, size: tuple[int, int], out: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint16]:
    """
    Return class id * 256 + confidence of all pixels, row-major, uint16 [H * W], written to `out`.

    size: the height and width expected; raises GeometryError for another one.
    """
    class_map_hw, confidence_hw = segmentation.class_map_hw, segmentation.confidence_hw
    if class_map_hw.shape != size or confidence_hw.shape != size:
        raise GeometryError(
            f'the class map has the shape {list(class_map_hw.shape)} and the confidence '
            f'{list(confidence_hw.shape)}; expected {list(size)} for both, as the calibration '
            'was scaled to'
        )
    np.left_shift(class_map_hw, 8, out=out.reshape(size), dtype=np.uint16)
    np.bitwise_or(out, confidence_hw.reshape(-1), out=out)
    return out


def ids_of_groups(
    group_by_id: Mapping[int, PlannerGroup], groups: Collection[str]
) -> npt.NDArray[np.bool_]:
    """Return for every id whether its class is in one of these planner groups, bool [256]."""
    is_member = np.zeros(256, np.bool_)
    is_member[[class_id for class_id, group in group_by_id.items() if group in groups]] = True
    return is_member
