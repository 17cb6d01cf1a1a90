# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Grid of a smooth function of pixels: known at nodes, interpolated between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats, Indices

# As many as every fourth of 1920 pixels: what is smooth is no less so over a larger image.
_MOST_NODES = 481
# So many nodes from the end of a function it may be too steep for polynomials.
_STEEP_NODES = 4


class SmoothGrid:
    """
    A smooth function of pixels (u, v), [N, 2] to [N, C], known at nodes and interpolated between.

    Piecewise cubic Lagrange interpolation: the function is called for about every `step`-th row
    and column, but for no more nodes however large the image is, and between them polynomials are
    laid through the four nearest. Near nodes that are NaN the function is called for each pixel;
    where all four by four around a pixel are, it is NaN.
    """

    def __init__(
        self, function: Callable[[Floats], npt.NDArray[Any]], height: int, width: int, step: int
    ) -> None:
        """Call the function at the nodes."""
        self._function = function
        self._rows, self._columns = _Nodes.of(height, step), _Nodes.of(width, step)
        v, u = np.meshgrid(self._rows.places, self._columns.places, indexing='ij')
        values = function(np.stack([u.ravel(), v.ravel()], axis=1))
        self._values_xrc = np.ascontiguousarray(values.T).reshape(-1, *v.shape)
        is_nan_rc = np.isnan(self._values_xrc).any(axis=0)
        self._is_open_rc: npt.NDArray[np.bool_] | None = None
        if is_nan_rc.any():
            is_void_rc = sliding_window_view(is_nan_rc, (4, 4)).all(axis=(2, 3))
            padded = np.pad(is_nan_rc, _STEEP_NODES)
            side = 4 + 2 * _STEEP_NODES
            is_steep_rc = sliding_window_view(padded, (side, side)).any(axis=(2, 3))
            self._is_open_rc = is_steep_rc & ~is_void_rc

    def at(self, rows: Indices, columns: Indices) -> npt.NDArray[Any]:
        """Return the function's values at these rows and columns, [C, rows, columns]."""
        kind = self._values_xrc.dtype
        top_h, weights_4h = self._rows.taps(rows, kind)
        left_w, weights_4w = self._columns.taps(columns, kind)
        values_xhc = sum(
            weights_4h[i, :, np.newaxis] * self._values_xrc[:, top_h + i] for i in range(4)
        )
        values_xhw = np.zeros((len(self._values_xrc), len(rows), len(columns)), kind)
        for i in range(4):
            nodes_xhw = np.take(values_xhc, left_w + i, axis=2)
            nodes_xhw *= weights_4w[i]
            values_xhw += nodes_xhw
        if self._is_open_rc is not None:
            is_open_hw = self._is_open_rc[np.ix_(top_h, left_w)]
            row_n, column_n = np.nonzero(is_open_hw)
            pixels_n2 = np.stack([columns[column_n], rows[row_n]], axis=1).astype(np.float64)
            values_xhw[:, is_open_hw] = self._function(pixels_n2).T
        return values_xhw


@dataclass(frozen=True)
class _Nodes:
    """Evenly spaced places from the first to the last pixel of a row or column, 4 at least."""

    length: int
    count: int

    @classmethod
    def of(cls, length: int, step: int) -> _Nodes:
        return cls(length, min(max(4, 1 + -(-(length - 1) // step)), _MOST_NODES))

    @property
    def places(self) -> Floats:
        return np.linspace(0.0, self.length - 1.0, self.count)

    def taps(self, pixels: Indices, kind: np.dtype[Any]) -> tuple[Indices, npt.NDArray[Any]]:
        """Return the first of four nodes for each pixel, [N], and Lagrange's weights, [4, N]."""
        place = pixels / ((self.length - 1.0) / (self.count - 1) or 1.0)
        first = np.clip(np.floor(place).astype(np.intp) - 1, 0, self.count - 4)
        weights = np.ones((4, len(pixels)))
        for node in range(4):
            for other in {0, 1, 2, 3} - {node}:
                weights[node] *= (place - first - other) / (node - other)
        return first, weights.astype(kind)
