"""Sort the pixels of an image into bins once, to reduce many images by bin quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


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
