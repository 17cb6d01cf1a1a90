"""Fill an image with what is known at some of its pixels and smooth between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def smooth_grid(function: Callable[[Floats], Floats], height: int, width: int, step: int) -> Floats:
    """
    Return a function of pixels (u, v), [N, 2] to [N, C], at all pixels: float64 [H, W, C].

    It is called for every `step`-th row and column; between them cubic polynomials are laid
    through the four nearest. A NaN among the values spreads over its row and column.
    """
    rows, columns = _nodes(height, step), _nodes(width, step)
    v, u = (values.ravel() for values in np.meshgrid(rows, columns, indexing='ij'))
    values = function(np.stack([u, v], axis=1))
    values_hwc = values.reshape(len(rows), len(columns), -1)
    down, across = _weights(rows, height), _weights(columns, width)
    filled_hwc: Floats = np.einsum('hr,rcx,wc->hwx', down, values_hwc, across, optimize=True)
    return filled_hwc


def _nodes(length: int, step: int) -> Floats:
    """Return evenly spaced places from the first to the last pixel, 4 at least."""
    return np.linspace(0.0, length - 1.0, max(4, 1 + -(-(length - 1) // step)))


def _weights(nodes: Floats, length: int) -> Floats:
    """Return by what each node counts at each pixel, [length, nodes]: Lagrange's polynomials."""
    spacing = (nodes[-1] - nodes[0]) / (len(nodes) - 1) or 1.0
    place = np.arange(length) / spacing
    first = np.clip(np.floor(place).astype(int) - 1, 0, len(nodes) - 4)
    weights = np.zeros((length, len(nodes)))
    for node in range(4):
        weight = np.ones(length)
        for other in {0, 1, 2, 3} - {node}:
            weight *= (place - first - other) / (node - other)
        weights[np.arange(length), first + node] = weight
    return weights
