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
    limits = _limits(network)
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


def _limits(network: tuple[int, int]) -> Mapping[str, tuple[int, int, int]]:
    """Return the smallest, usual and largest length by the name of the dimension."""
    # Both import cv2, which a process that only compiles does without.
    from rtformer_ros.imaging.frame_sampling import frame_sampling
    from rtformer_ros.imaging.resize import place

    (height, width), (usual_height, usual_width) = _LARGEST, _USUAL
    # A frame of the largest width may be brought to a letterbox as wide as the network.
    most = _most_taps(max(height / network[0], width / network[1]))
    usual = frame_sampling(_USUAL, place(_USUAL, network, 'stretch'), _USUAL)
    return {
        'height': (2, usual_height, height),
        'width': (2, usual_width, width),
        'pairs': (1, usual_width // 2, width // 2),
        'chroma_height': (1, usual_height // 2, height // 2),
        'row_taps': (1, len(usual.rows.indices), most),
        'column_taps': (1, len(usual.columns.indices), most),
        'mask_height': (1, usual_height, height),
        'mask_width': (1, usual_width, width),
    }


def _most_taps(scale: float) -> int:
    """
    Return how many pixels frame_sampling averages to one, at most, for frames that much larger.

    After k halvings they are 2 * 2^k, and 2^k is at most the scale. Or areas are averaged: then
    they are at most 2^k * (scale / 2^k + 2), and 2^k is at most half of the scale. Both are no
    more than twice the scale; one is for sizes that are rounded.
    """
    return max(2, math.ceil(2 * scale) + 1)
