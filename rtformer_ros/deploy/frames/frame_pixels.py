# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pixels of a frame in a graph: from the bytes of an encoding to RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS

if TYPE_CHECKING:
    from rtformer_ros.deploy.frames.graph_writer import Dims, GraphWriter

FRAME, CHROMA, CHROMA_ROWS = 'frame', 'chroma', 'chroma_rows'

# Which channel of the pixel is red, green and blue.
_PACKED = {
    'rgb8': (3, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
# Where the bytes of two pixels have their lumas, u and v.
_PAIRS = {
    'yuv422': (1, 3, 0, 2),
    'uyvy': (1, 3, 0, 2),
    'yuv422_yuy2': (0, 2, 1, 3),
    'yuyv': (0, 2, 1, 3),
}
# Where the chroma plane has u and v.
_PLANES = {'nv12': (0, 1), 'nv21': (1, 0)}

# ITU-R BT.601, video range, as OpenCV has it: in units of 2^-20.
_LUMA, _ONE = 1220542, 1 << 20
_OF_U_RGB = (0, -409993, 2116026)
_OF_V_RGB = (1673527, -852492, 0)
_BLACK, _GREY = 16, 128


@dataclass(frozen=True)
class FramePixels:
    """
    The inputs of a frame of one encoding, and its way to RGB, in a graph.

    Packed pixels are `frame` uint8 [n, height, width, channels]; YUV 4:2:2 is [n, height, pairs,
    4]; NV12 and NV21 are `frame` [n, height, pairs, 2], the luma, and `chroma` [n, chroma_height,
    pairs, 2]. Raises ConfigError for an encoding that is not in FRAME_ENCODINGS.
    """

    encoding: str

    def __post_init__(self) -> None:
        """Check the encoding."""
        if self.encoding not in FRAME_ENCODINGS:
            raise ConfigError(
                f'no graph takes frames of the encoding {quoted(self.encoding)}; expected one of '
                f'{", ".join(FRAME_ENCODINGS)}'
            )

    def channels(self, writer: GraphWriter, rows: str = '', row_dims: Dims = ('height',)) -> str:
        """
        Add the inputs and return their channels: float [n, *row_dims, width, channels].

        Packed pixels have their own, of which `rgb` picks; YUV is RGB already.

        rows: indices of the rows that are taken; '' for all in order. row_dims: their dimensions,
        one or two, which the input `chroma_rows` has, too: it says where the chroma of each of
        these rows is, half as far down.
        """
        if self.encoding in _PLANES:
            return self._from_planes(writer, rows, row_dims)
        axes = len(row_dims)
        if self.encoding in _PAIRS:
            pixels = writer.input(FRAME, 'uint8', ('n', 'height', 'pairs', 4))
            return self._from_pairs(
                writer, _taken(writer, writer.cast(pixels, 'float'), rows), axes
            )
        dims = ('n', 'height', 'width', _PACKED[self.encoding][0])
        return _taken(writer, writer.cast(writer.input(FRAME, 'uint8', dims), 'float'), rows)

    def rgb(self, writer: GraphWriter, channels: str) -> str:
        """Return RGB, float [n, h, w, 3], of channels [n, h, w, channels], resized or not."""
        count, order = _PACKED.get(self.encoding, (3, (0, 1, 2)))
        if order == (0, 1, 2) and count == len(order):
            return channels
        return writer.node('Gather', channels, writer.constant(order, np.int64), axis=3)

    def _from_pairs(self, writer: GraphWriter, bytes_4: str, axes: int) -> str:
        """Return RGB of [..., pairs, 4] as [..., 2 * pairs, 3]."""
        first, second, u, v = _PAIRS[self.encoding]
        offset, least = np.full(4, _GREY), np.full(4, -_GREY)
        offset[[first, second]], least[[first, second]] = _BLACK, 0
        matrix = np.zeros((4, 6))
        for pixel, luma in enumerate((first, second)):
            colours = slice(3 * pixel, 3 * pixel + 3)
            matrix[luma, colours] = _LUMA
            matrix[u, colours], matrix[v, colours] = _OF_U_RGB, _OF_V_RGB
        centred = writer.node('Sub', bytes_4, writer.constant(offset))
        bounded = writer.node('Max', centred, writer.constant(least))
        product = writer.node('MatMul', bounded, writer.constant(matrix / _ONE))
        return _unpaired(writer, writer.rounded(product), axes)

    def _from_planes(self, writer: GraphWriter, rows: str, row_dims: Dims) -> str:
        luma = writer.input(FRAME, 'uint8', ('n', 'height', 'pairs', 2))
        chroma = writer.input(CHROMA, 'uint8', ('n', 'chroma_height', 'pairs', 2))
        chroma_rows = writer.input(CHROMA_ROWS, 'int32', row_dims)
        axes = len(row_dims)
        matrix = np.zeros((2, 3))
        for row, values in zip(_PLANES[self.encoding], (_OF_U_RGB, _OF_V_RGB), strict=True):
            matrix[row] = values
        centred = writer.node('Sub', writer.cast(chroma, 'float'), writer.constant(_GREY))
        product = writer.node('MatMul', centred, writer.constant(matrix / _ONE))
        colour = _taken(writer, product, chroma_rows)
        grey = writer.node('Sub', writer.cast(luma, 'float'), writer.constant(_BLACK))
        grey = _taken(writer, writer.node('Relu', grey), rows)
        grey = writer.node('Mul', grey, writer.constant(_LUMA / _ONE))
        # The two lumas of a pair lie along an axis of their own, the colours along another.
        grey = writer.node('Unsqueeze', grey, writer.constant([axes + 3], np.int64))
        colour = writer.node('Unsqueeze', colour, writer.constant([axes + 2], np.int64))
        return _unpaired(writer, writer.rounded(writer.node('Add', grey, colour)), axes)


def _taken(writer: GraphWriter, pixels: str, rows: str) -> str:
    return writer.node('Gather', pixels, rows, axis=1) if rows else pixels


def _unpaired(writer: GraphWriter, pixels: str, axes: int) -> str:
    shape = [0] * (axes + 1) + [-1, 3]
    return writer.node('Reshape', pixels, writer.constant(shape, np.int64))
