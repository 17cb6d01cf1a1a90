# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bring a network into the form that runtimes take and run fastest."""

from __future__ import annotations

from collections.abc import Collection
import copy
from functools import partial
from typing import Any, cast

from rtformer_ros.deploy.fuse_batch_norms import fold_batch_norms
from rtformer_ros.network.blocks import spatial_size
from rtformer_ros.network.family import SegmentationNetwork
from rtformer_ros.network.image_segmenter import ImageSegmenter
import torch
from torch import nn, Tensor
import torch.nn.functional as F


def weights_in_graph(convolution: str) -> str:
    """Return the name that the weights of a network's convolution have in a graph of it."""
    return f'network.{convolution}.weight'


def exportable(
    network: SegmentationNetwork, height: int, width: int, quantised: Collection[str] = ()
) -> ImageSegmenter:
    """
    Return a segmenter for images of height x width that computes what `network` does.

    Batch norms are folded, adaptive max pooling is laid out for this size, and the first
    convolution takes pixels with only the mean taken off. The network itself is left as it was.
    quantised: see fold_batch_norms.
    """
    inference = fold_batch_norms(network, quantised).network
    for name, size in _pooled_sizes(inference, height, width).items():
        pool = cast('nn.AdaptiveMaxPool2d', inference.get_submodule(name))
        _replace(inference, name, StaticAdaptiveMaxPool(*size, cast('int', pool.output_size)))
    first = inference.get_submodule(network.family.first_layer)
    segmenter = ImageSegmenter(inference).eval()
    _fold_input_scale(segmenter, cast('nn.Conv2d', first))
    return segmenter


def _pooled_sizes(network: nn.Module, height: int, width: int) -> dict[str, tuple[int, int]]:
    """Return (height, width) of what each adaptive max pooling reads, by its name."""
    shell = copy.deepcopy(network).to('meta')
    sizes: dict[str, tuple[int, int]] = {}

    def note(name: str, _pool: nn.Module, inputs: tuple[Any, ...]) -> None:
        sizes[name] = spatial_size(inputs[0])

    for name, module in shell.named_modules():
        if isinstance(module, nn.AdaptiveMaxPool2d):
            module.register_forward_pre_hook(partial(note, name))
    dtype = next(shell.parameters()).dtype
    shell(torch.empty(1, 3, height, width, dtype=dtype, device='meta'))
    return sizes


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    owner, _, leaf = name.rpartition('.')
    setattr(network.get_submodule(owner), leaf, module)


def _fold_input_scale(segmenter: ImageSegmenter, first: nn.Conv2d) -> None:
    """Scale the first weights instead of the pixels; zero padding stays the mean colour."""
    assert segmenter.scale is not None
    with torch.no_grad():
        first.weight.mul_(segmenter.scale)
    segmenter.scale = None


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
