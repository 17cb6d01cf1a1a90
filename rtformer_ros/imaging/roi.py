# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Region of interest (ROI): the part of an image that is looked at, for images of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError

if TYPE_CHECKING:
    from rtformer_ros.imaging.resize import Size


@dataclass(frozen=True)
class Roi:
    """
    Rectangle in an image: where its sides are, as fractions of the image's width and height.

    0 is the image's left and top, 1 its right and bottom. Raises ConfigError for a rectangle that
    leads out of the image or has no area.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        """Check that it is one."""
        if 0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1:
            return
        raise ConfigError(
            f'the region of interest is [{self.left:g}, {self.top:g}, {self.right:g}, '
            f'{self.bottom:g}]; expected [left, top, right, bottom] as fractions of the image, '
            '0 <= left < right <= 1 and 0 <= top < bottom <= 1'
        )

    def slices(self, size: Size) -> tuple[slice, slice]:
        """Return its rows and columns in an image of that size: whole pixels, at least one."""
        return _span(self.top, self.bottom, size[0]), _span(self.left, self.right, size[1])

    def size(self, size: Size) -> Size:
        """Return its own height and width in an image of that size."""
        rows, columns = self.slices(size)
        return rows.stop - rows.start, columns.stop - columns.start


def _span(first: float, last: float, pixels: int) -> slice:
    start = min(round(first * pixels), pixels - 1)
    return slice(start, max(round(last * pixels), start + 1))
