"""Bring a network into the form that runtimes take and run fastest."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtformer_ros.deploy.fuse_batch_norms import fold_batch_norms
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.rtformer import RTFormer


class StaticAdaptiveMaxPool(nn.Module):
    """
    Pool maps of one known size to a grid as nn.AdaptiveMaxPool2d does.

    ONNX has no adaptive pooling. Window i of n pixels over o cells is floor(i n / o) up to
    ceil((i + 1) n / o); windows overlap and differ in length. Each axis is gathered into windows
    of one length, the last pixel of a shorter one repeated, which leaves its maximum as it is;
    then a plain max pooling without overlap follows.
    """

    def __init__(self, height: int, width: int, grid: int) -> None:
        """Lay out the windows for maps of height x width pixels and grid x grid cells."""
        super().__init__()
        self.gather_rows = _Windows(height, grid, axis=2)
        self.gather_columns = _Windows(width, grid, axis=3)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, c, grid, grid] for x [n, c, height, width]."""
        gathered = self.gather_columns(self.gather_rows(x))
        return F.max_pool2d(gathered, (self.gather_rows.length, self.gather_columns.length))


class _Windows(nn.Module):
    """Lay the pixels of each window one after the other along an axis, `length` for each."""

    pixels: Tensor

    def __init__(self, size: int, cells: int, axis: int) -> None:
        super().__init__()
        bounds = [(i * size // cells, -(-(i + 1) * size // cells)) for i in range(cells)]
        self.length = max(end - start for start, end in bounds)
        indices = [min(start + k, end - 1) for start, end in bounds for k in range(self.length)]
        self.axis = axis
        self.is_needed = indices != list(range(size))
        self.register_buffer('pixels', torch.tensor(indices))

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(self.axis, self.pixels) if self.is_needed else x


_LOW_BRANCH_STRIDE = 32


def exportable(network: RTFormer, height: int, width: int) -> ImageSegmenter:
    """
    Return a segmenter for images of height x width that computes what `network` does.

    Batch norms are folded, adaptive pooling is laid out for this size, and the first convolution
    takes pixels with only the mean taken off. The network itself is left as it was.
    """
    inference = fold_batch_norms(network).network
    for block in (inference.layer4, inference.layer5):
        block.cross_kv[1] = StaticAdaptiveMaxPool(
            -(-height // _LOW_BRANCH_STRIDE),
            -(-width // _LOW_BRANCH_STRIDE),
            network.architecture.cross_size,
        )
    segmenter = ImageSegmenter(inference).eval()
    _fold_input_scale(segmenter, cast('nn.Conv2d', inference.conv1[0]))
    return segmenter


def _fold_input_scale(segmenter: ImageSegmenter, first: nn.Conv2d) -> None:
    """Scale the first weights instead of the pixels; zero padding stays the mean colour."""
    assert segmenter.scale is not None
    with torch.no_grad():
        first.weight.mul_(segmenter.scale)
    segmenter.scale = None
