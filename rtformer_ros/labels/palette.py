"""Give classes their colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.labels.label_set import ColorRgb, LabelSet

_HEX_COLOR = re.compile(r'#?([0-9a-fA-F]{6})')
_NO_COLORS: Mapping[int, ColorRgb] = MappingProxyType({})


def parse_color(text: str) -> ColorRgb:
    """Return the colour (red, green, blue; 0..255) of '#rrggbb'; raises ConfigError."""
    match = _HEX_COLOR.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"'{text}' is no colour; expected '#rrggbb', for example '#804080'")
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


def palette_rgb(
    labels: LabelSet, colors: Mapping[int, ColorRgb] = _NO_COLORS
) -> npt.NDArray[np.uint8]:
    """
    Return the colours of all ids, uint8 [256, 3] RGB.

    colors: class id -> colour to use in place of the label set's own. Ids that no class has,
    255 (unlabelled) among them, are black. Raises ConfigError for an id that no class has.
    """
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(labels)] = [label.color_rgb for label in labels.classes]
    for class_id, color in colors.items():
        if not 0 <= class_id < len(labels):
            raise ConfigError(
                f"a colour is given for class {class_id}; label set '{labels.name}' has the ids "
                f'0 to {len(labels) - 1}'
            )
        palette[class_id] = color
    return palette


def colorize(
    class_map_hw: npt.NDArray[np.uint8],
    palette: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """
    Paint every pixel in the colour of its class.

    class_map_hw: uint8 [H, W], ids; palette: uint8 [256, 3]; out: uint8 [H, W, 3], contiguous,
    written to and returned where given. Returns uint8 [H, W, 3] in the palette's channel order.
    Raises ImageError for arrays of another shape.
    """
    if palette.shape != (256, 3) or class_map_hw.ndim != 2:
        raise ImageError(
            f'a class map of shape {list(class_map_hw.shape)} and a palette of shape '
            f'{list(palette.shape)}; expected [H, W] and [256, 3]'
        )
    target = target_image((*class_map_hw.shape, 3), out)
    # The quickest table look-up of three channels at once: 1.7 ms for 1920x1080, np.take 6 ms.
    cv2.applyColorMap(class_map_hw, palette.reshape(256, 1, 3), target)
    return target


def target_image(
    shape: tuple[int, ...], out: npt.NDArray[np.uint8] | None
) -> npt.NDArray[np.uint8]:
    """
    Return `out`, or a new uint8 array of this shape where it is None.

    Raises ImageError when OpenCV could not write into `out`: it would write elsewhere, silently.
    """
    if out is None:
        return np.empty(shape, np.uint8)
    flags = out.flags
    if out.shape != shape or out.dtype != np.uint8 or not (flags.c_contiguous and flags.writeable):
        raise ImageError(
            f'the output array is {out.dtype} {list(out.shape)}; expected a writable, contiguous '
            f'uint8 {list(shape)}'
        )
    return out
