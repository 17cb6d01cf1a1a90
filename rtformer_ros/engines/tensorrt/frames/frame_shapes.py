# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Shapes of the inputs of a plan that takes frames: from which to which size it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_LARGEST, _USUAL = (2160, 3840), (1080, 1920)
"""Height and width of frames and masks: at most, and what plans are tuned for."""

_Limits = tuple[int, int, int]
_SIZES: Mapping[str, _Limits] = MappingProxyType(
    {
        'height': (2, 1080, 2160),
        'width': (2, 1920, 3840),
        'pairs': (1, 960, 1920),
        'chroma_height': (1, 540, 1080),
        'mask_height': (1, 1080, 2160),
        'mask_width': (1, 1920, 3840),
    }
)
"""The smallest, usual and largest length by the name of the dimension."""


@dataclass(frozen=True)
class ShapeRange:
    """Shapes of an input: the smallest and the largest, and the one that a plan is tuned for."""

    smallest: tuple[int, ...]
    usual: tuple[int, ...]
    largest: tuple[int, ...]


NO_SHAPES: Mapping[str, ShapeRange] = MappingProxyType({})
"""Of a graph of which the number of images alone is free."""


def fix_single_frame(model: onnx.ModelProto) -> dict[str, ShapeRange]:
    """
    Fix a graph of with_frame_input to one frame a call; return what its inputs may be.

    The graph is changed. The ranges are by name, of the inputs that have sizes that are free.
    """
    inputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    network = inputs['rows'][1].dim_value, inputs['columns'][1].dim_value
    return _fix(model, {**_SIZES, **_network_limits(network)})


def fix_single_picture(model: onnx.ModelProto) -> dict[str, ShapeRange]:
    """Do the same to the graph of a picture, whose sizes are those of frames."""
    return _fix(model, _SIZES)


def _fix(model: onnx.ModelProto, limits: Mapping[str, _Limits]) -> dict[str, ShapeRange]:
    """Fix a graph to one frame a call; return the ranges of its inputs by limits of dimensions."""
    inputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == 'n':
                dim.dim_value = 1
    ranges = {}
    for name, dims in inputs.items():
        ends = [limits.get(dim.dim_param, (dim.dim_value,) * 3) for dim in dims]
        if any(dim.dim_param for dim in dims):
            ranges[name] = ShapeRange(*(tuple(each) for each in zip(*ends, strict=True)))
    return ranges


def _network_limits(network: tuple[int, int]) -> Mapping[str, _Limits]:
    """Return the limits of what depends on the size of the network."""
    # Both import cv2, which a process that only compiles does without.
    from rtformer_ros.imaging.frame_sampling import frame_sampling
    from rtformer_ros.imaging.resize import place

    height, width = _LARGEST
    # A frame of the largest width may be brought to a letterbox as wide as the network.
    most = _most_taps(max(height / network[0], width / network[1]))
    usual = frame_sampling(_USUAL, place(_USUAL, network, 'stretch'), _USUAL)
    return {
        'row_taps': (1, len(usual.rows.indices), most),
        'column_taps': (1, len(usual.columns.indices), most),
    }


def _most_taps(scale: float) -> int:
    """
    Return how many pixels frame_sampling averages to one, at most, for frames that much larger.

    After k halvings they are 2 * 2^k, and 2^k is at most the scale. Or areas are averaged: then
    they are at most 2^k * (scale / 2^k + 2), and 2^k is at most half of the scale. Both are no
    more than twice the scale; one is for sizes that are rounded.
    """
    return max(2, math.ceil(2 * scale) + 1)
