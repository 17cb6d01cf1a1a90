"""Resampling: images to any size or the network's, and class maps back to where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ResizeMode = Literal['stretch', 'letterbox']
Size = tuple[int, int]
"""Height and width in pixels."""

# Where letterbox bars are: the mean colour of ImageNet, which normalises to about zero.
_BAR_RGB = (124, 116, 104)


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


def scale_image(image_hwc: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
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
    image_hwc: npt.NDArray[np.uint8], placement: Placement, out_hwc: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """
    Return the image at the network's size, either itself or written into `out_hwc`.

    image_hwc: uint8 [h, w, 3]; out_hwc: contiguous uint8 [network_height, network_width, 3].
    Shrinking by two or more averages areas, so that thin things do not alias; all else is bilinear.
    """
    height, width = placement.height, placement.width
    if placement.fills_network and image_hwc.shape[:2] == (height, width):
        return image_hwc
    shrinks = image_hwc.shape[0] >= 2 * height and image_hwc.shape[1] >= 2 * width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if placement.fills_network:
        cv2.resize(image_hwc, (width, height), dst=out_hwc, interpolation=method)
        return out_hwc
    out_hwc[:] = _BAR_RGB
    top, left = placement.top, placement.left
    content = out_hwc[top : top + height, left : left + width]
    content[:] = cv2.resize(image_hwc, (width, height), interpolation=method)
    return out_hwc


def from_network(
    map_hw: npt.NDArray[np.uint8], placement: Placement, size: Size
) -> npt.NDArray[np.uint8]:
    """
    Cut the bars off a map of the network's size and bring the rest to `size`.

    map_hw: uint8 [network_height, network_width], class ids or confidences. Values are never
    mixed: each pixel takes that of the nearest pixel centre.
    """
    top, left = placement.top, placement.left
    content = map_hw[top : top + placement.height, left : left + placement.width]
    if content.shape == size:
        return np.ascontiguousarray(content)
    return cv2.resize(  # type: ignore[return-value]
        content, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT
    )
