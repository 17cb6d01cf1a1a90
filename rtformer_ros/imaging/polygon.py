# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Polygon in fractions of an image's width and height: read, checked, and as a mask of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError

Corner: TypeAlias = tuple[float, float]
Polygon: TypeAlias = tuple[Corner, ...]
"""Corners (x, y), 0..1 of width and height; () is the whole image."""

_MOST_CORNERS = 64
_EXAMPLE = '[0.3, 0.5, 0.7, 0.5, 1.0, 1.0, 0.0, 1.0]'


def read_polygon(name: str, values: Sequence[float]) -> Polygon:
    """
    Read [x, y, x, y, ...], each 0..1; [] is the whole image.

    name: of the option, for messages. Raises ConfigError for what is no polygon: an odd count,
    fewer than 3 corners or more than 64, values outside 0..1, edges that cross or touch.
    """
    if not values:
        return ()
    if len(values) % 2:
        raise ConfigError(
            f'{name} has {len(values)} numbers; expected an even count, x and y of each corner'
        )
    corners = tuple(zip(values[::2], values[1::2], strict=True))
    if not 3 <= len(corners) <= _MOST_CORNERS:
        raise ConfigError(
            f'{name} has {len(corners)} corners; expected 3 to {_MOST_CORNERS}, as in {_EXAMPLE}'
        )
    outside = [value for value in values if not 0.0 <= value <= 1.0]
    if outside:
        raise ConfigError(
            f'{name} has {outside[0]:g}; expected fractions of width and height, 0 to 1'
        )
    _check_simple(name, corners)
    return corners


def polygon_mask(polygon: Polygon, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return 1 for the pixels whose centre lies inside, 0 else; uint8 [height, width]."""
    if not polygon:
        return np.ones((height, width), np.uint8)
    # How many edges cross a row to the left of each pixel's centre: an odd number is inside.
    crossings_hw = np.zeros((height, width + 1), np.int32)
    rows = np.arange(height)
    for (x0, y0), (x1, y1) in _edges(polygon):
        top, bottom = sorted((y0 * height, y1 * height))
        hit = rows[(rows + 0.5 >= top) & (rows + 0.5 < bottom)]
        if len(hit):
            share = (hit + 0.5 - y0 * height) / ((y1 - y0) * height)
            x_px = (x0 + share * (x1 - x0)) * width
            columns = np.clip(np.ceil(x_px - 0.5), 0, width).astype(np.intp)
            crossings_hw[hit, columns] += 1
    return (crossings_hw.cumsum(axis=1)[:, :width] % 2).astype(np.uint8)


def _edges(polygon: Polygon) -> list[tuple[Corner, Corner]]:
    return list(zip(polygon, (*polygon[1:], polygon[0]), strict=True))


def _check_simple(name: str, polygon: Polygon) -> None:
    count = len(polygon)
    if len(set(polygon)) < count:
        raise ConfigError(f'{name} has a corner twice; leave one out, the last edge closes it')
    for (i, first), (j, second) in combinations(enumerate(_edges(polygon)), 2):
        if j - i in (1, count - 1):
            continue
        if _do_touch(*first, *second):
            raise ConfigError(
                f'{name} crosses itself, with edges {i + 1} and {j + 1}; expected the corners in '
                'their order around it'
            )
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(polygon)) / 2
    if math.isclose(area, 0.0, abs_tol=1e-9):
        raise ConfigError(f'{name} has no area; expected corners that are not on one line')


def _do_touch(a: Corner, b: Corner, c: Corner, d: Corner) -> bool:
    """Tell whether the segments ab and cd have a point in common."""
    sides = (_side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b))
    if sides[0] != sides[1] and sides[2] != sides[3]:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(side == 0 and _is_in_box(*end) for side, end in zip(sides, ends, strict=True))


def _side(a: Corner, b: Corner, point: Corner) -> int:
    cross = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    return int(np.sign(cross))


def _is_in_box(a: Corner, b: Corner, point: Corner) -> bool:
    return all(min(p, q) <= r <= max(p, q) for p, q, r in zip(a, b, point, strict=True))
