# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Resampling: images to any size or the network's, and class maps back to where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ResizeMode = Literal['stretch', 'letterbox']
Size = tuple[int, int]
"""Height and width in pixels."""

# Where letterbox bars are: the mean colour of ImageNet, which normalises to about zero.
_BAR_RGB = (124, 116, 104)
# Of an OpenCV image: 512 before version 5, 128 since.
_MOST_CHANNELS = 128


@dataclass(frozen=True)
class Placement:
    """
    Where a source image lies in the network's image, in pixels of the latter.

    The content is the rectangle [top : top + height, left : left + width]; the rest are bars.
    """

    top: int
    left: int
    height: int
    width: int
    network_height: int
    network_width: int

    @property
    def fills_network(self) -> bool:
        """Tell whether there are no bars."""
        return (self.height, self.width) == (self.network_height, self.network_width)


class Buffers:
    """Arrays that are used again for the next image, one for each shape; not thread-safe."""

    _MOST = 8

    def __init__(self) -> None:
        """Start without any."""
        self._arrays: dict[tuple[int, ...], npt.NDArray[np.uint8]] = {}

    def get(self, *shape: int) -> npt.NDArray[np.uint8]:
        """Return the uint8 array of this shape, with whatever is in it."""
        if shape not in self._arrays:
            if len(self._arrays) >= self._MOST:
                self._arrays.clear()
            self._arrays[shape] = np.empty(shape, np.uint8)
        return self._arrays[shape]


def scale_image(
    image_hwc: npt.NDArray[np.uint8], height: int, width: int
) -> npt.NDArray[np.uint8]:
    """Return an image, uint8 [H, W, 3], stretched to height x width pixels."""
    if image_hwc.shape[:2] == (height, width):
        return image_hwc
    shrinks = height * width < image_hwc.shape[0] * image_hwc.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(image_hwc, (width, height), interpolation=interpolation)
    assert scaled.dtype == np.uint8
    return scaled  # type: ignore[return-value]


def place(source: Size, network: Size, mode: ResizeMode) -> Placement:
    """
    Return where a source of that size goes: the whole network image, or centred at its own shape.

    'stretch' ignores the source's aspect ratio, 'letterbox' keeps it and leaves bars.
    """
    if mode == 'stretch':
        return Placement(0, 0, network[0], network[1], network[0], network[1])
    scale = min(network[0] / source[0], network[1] / source[1])
    height = min(network[0], max(1, round(source[0] * scale)))
    width = min(network[1], max(1, round(source[1] * scale)))
    top, left = (network[0] - height) // 2, (network[1] - width) // 2
    return Placement(top, left, height, width, network[0], network[1])


def to_network(
    image_hwc: npt.NDArray[np.uint8],
    placement: Placement,
    out_hwc: npt.NDArray[np.uint8],
    buffers: Buffers | None = None,
    rgb_code: int | None = None,
) -> npt.NDArray[np.uint8]:
    """
    Return the image as RGB at the network's size, either itself or written into `out_hwc`.

    image_hwc: uint8 [h, w, C], be it a part of a larger one; out_hwc: contiguous uint8
    [network_height, network_width, 3], as is what is returned; buffers: what is needed on the way,
    where that shall be used again; rgb_code: the code of cv2.cvtColor that makes RGB of the image
    pixel by pixel, None where it is RGB. Shrinking by two or more averages areas, so that thin
    things do not alias: 2 x 2 pixels as often as that goes, or all at once where a side is odd.
    All else is bilinear.
    """
    height, width = placement.height, placement.width
    is_fitting = placement.fills_network and image_hwc.shape[:2] == (height, width)
    if is_fitting and image_hwc.flags.c_contiguous and rgb_code is None:
        return image_hwc
    content_hwc = out_hwc
    if not placement.fills_network:
        out_hwc[:] = _BAR_RGB
        top, left = placement.top, placement.left
        content_hwc = out_hwc[top : top + height, left : left + width]
    buffers = buffers or Buffers()
    if rgb_code is None:
        _fit(image_hwc, content_hwc, buffers)
    else:
        # After the resize, when few pixels are left.
        if image_hwc.shape[:2] != (height, width):
            fitted_hwc = buffers.get(height, width, image_hwc.shape[2])
            _fit(image_hwc, fitted_hwc, buffers)
            image_hwc = fitted_hwc
        cv2.cvtColor(image_hwc, rgb_code, content_hwc)
    return out_hwc


def _fit(
    image_hwc: npt.NDArray[np.uint8], out_hwc: npt.NDArray[np.uint8], buffers: Buffers
) -> None:
    """Fill `out` with the image, see to_network."""
    height, width = out_hwc.shape[:2]
    image_hwc = _halved(image_hwc, height, width, buffers)
    if image_hwc.shape[:2] == (height, width):
        np.copyto(out_hwc, image_hwc)
        return
    shrinks = image_hwc.shape[0] >= 2 * height and image_hwc.shape[1] >= 2 * width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(image_hwc, (width, height), dst=out_hwc, interpolation=method)


def _halved(
    image_hwc: npt.NDArray[np.uint8], height: int, width: int, buffers: Buffers
) -> npt.NDArray[np.uint8]:
    """Average 2 x 2 pixels while the image has twice the size or more, and both sides are even."""
    while True:
        source_height, source_width = image_hwc.shape[:2]
        if source_height < 2 * height or source_width < 2 * width:
            return image_hwc
        if source_height % 2 or source_width % 2:
            return image_hwc
        half = buffers.get(source_height // 2, source_width // 2, image_hwc.shape[2])
        # The one factor for which averaging areas is quicker than a linear resize of all.
        cv2.resize(image_hwc, half.shape[1::-1], dst=half, interpolation=cv2.INTER_AREA)
        image_hwc = half


def content_of(map_hw: npt.NDArray[np.uint8], placement: Placement) -> npt.NDArray[np.uint8]:
    """Return the part of a map of the network's size that is no bars, as a view."""
    top, left = placement.top, placement.left
    return map_hw[top : top + placement.height, left : left + placement.width]


def from_network(
    map_hw: npt.NDArray[np.uint8], placement: Placement, size: Size
) -> npt.NDArray[np.uint8]:
    """
    Cut the bars off a map of the network's size and bring the rest to `size`.

    map_hw: uint8 [network_height, network_width], class ids or confidences. Values are never
    mixed: each pixel takes that of the nearest pixel centre.
    """
    content = content_of(map_hw, placement)
    if content.shape == size:
        return np.ascontiguousarray(content)
    return enlarge(content, np.empty(size, np.uint8))


def enlarge(
    pixels: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8], buffers: Buffers | None = None
) -> npt.NDArray[np.uint8]:
    """
    Fill `out` with pixels of another size, each with that of the nearest pixel centre; return it.

    pixels: uint8 [h, w] or [h, w, 3]; out: contiguous uint8 of any height and width and as many
    channels. Smaller sizes are possible too.
    """
    height, width = out.shape[:2]
    rows, columns = pixels.shape[:2]
    if height == rows:
        _widen(pixels, out)
        return out
    if height < 2 * rows:
        cv2.resize(pixels, (width, height), dst=out, interpolation=cv2.INTER_NEAREST_EXACT)
        return out
    wide = pixels
    if width != columns:
        wide = (buffers or Buffers()).get(rows, width, *pixels.shape[2:])
        _widen(pixels, wide)
    # Whole rows are copied, which is several times as quick as to look for each pixel.
    np.take(wide, _nearest_rows(rows, height), axis=0, out=out, mode='clip')
    return out


def _widen(pixels: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Fill `out` with as many rows, each pixel with that of the nearest pixel centre."""
    (rows, columns), width = pixels.shape[:2], out.shape[1]
    factor, rest = divmod(width, columns)
    if pixels.ndim == 2 and 1 < factor <= _MOST_CHANNELS and not rest:
        # A pixel repeated is a pixel of equal channels, which OpenCV writes ten times as quickly.
        cv2.merge([pixels] * factor, out.reshape(rows, columns, factor))
        return
    cv2.resize(pixels, (width, rows), dst=out, interpolation=cv2.INTER_NEAREST_EXACT)


@lru_cache(maxsize=32)
def _nearest_rows(rows: int, height: int) -> npt.NDArray[np.int32]:
    """Return which of `rows` OpenCV takes for each row of an image of that height."""
    numbers = np.arange(rows, dtype=np.int32)[:, np.newaxis]
    nearest = cv2.resize(numbers, (1, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(nearest, np.int32).ravel()
