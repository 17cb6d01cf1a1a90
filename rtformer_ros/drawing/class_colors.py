# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Class colours as pixels: colour masks, and overlays of them on the camera image."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError
from rtformer_ros.segmentation import UNLABELED_ID


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
    target = _target_image((*class_map_hw.shape, 3), out)
    # The quickest table look-up of three channels at once: 1.7 ms for 1920x1080, np.take 6 ms.
    cv2.applyColorMap(class_map_hw, palette.reshape(256, 1, 3), target)
    return target


def hidden_pixels(
    class_map_hw: npt.NDArray[np.uint8], shown_ids: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint8] | None:
    """
    Return where an overlay leaves the image as it is: uint8 [H, W], 255 there, else 0.

    class_map_hw: uint8 [H, W]; shown_ids: bool [256], True for ids to show, None for all.
    Unlabelled pixels are always hidden. Returns None when nothing is hidden.
    """
    if shown_ids is None:
        # To compare with a number OpenCV refuses a single pixel, which could be one, too.
        hidden = cv2.inRange(class_map_hw, UNLABELED_ID, UNLABELED_ID)  # type: ignore[call-overload]
    else:
        table = np.where(shown_ids, 0, 255).astype(np.uint8)
        table[UNLABELED_ID] = 255
        hidden = cv2.LUT(class_map_hw, table)
    return hidden if cv2.countNonZero(hidden) else None


def overlay_opacity(
    alpha: float, shown_ids: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """
    Return the share of the class colour in an overlay by id, float32 [256]: alpha, 0 where hidden.

    alpha: 0..1; shown_ids: as of hidden_pixels.
    """
    opacity = np.full(256, alpha, np.float32)
    if shown_ids is not None:
        opacity[~shown_ids] = 0
    opacity[UNLABELED_ID] = 0
    return opacity


def blend_overlay(
    image_hwc: npt.NDArray[np.uint8],
    color_hwc: npt.NDArray[np.uint8],
    alpha: float,
    hidden_hw: npt.NDArray[np.uint8] | None = None,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """
    Return the image mixed with class colours: image * (1 - alpha) + color * alpha, rounded.

    image_hwc: uint8 [H, W, 3]; color_hwc: uint8 [h, W, 3] in the same channel order, each row of
    which counts for H / h rows of the image; alpha: 0 (image) to 1 (colours); hidden_hw: uint8
    [h, W], not 0 where the image stays exactly (see hidden_pixels); out: uint8 [H, W, 3],
    contiguous, not the image itself, written to and returned where given.
    Raises ImageError for arrays of other shapes.
    """
    rows = color_hwc.shape[0] if color_hwc.ndim == 3 else 0
    is_fitting = rows > 0 and image_hwc.ndim == 3 and image_hwc.shape[0] % rows == 0
    if not is_fitting or image_hwc.shape[1:] != color_hwc.shape[1:]:
        raise ImageError(
            f'an image of shape {list(image_hwc.shape)} and colours of shape '
            f'{list(color_hwc.shape)}; expected [H, W, 3] and [h, W, 3], H a multiple of h'
        )
    target = _target_image(image_hwc.shape, out)
    repeats = image_hwc.shape[0] // rows
    for first in range(repeats):
        # Every so manyth row: as views, so that the colours need not be written out at H rows.
        image_rows, target_rows = image_hwc[first::repeats], target[first::repeats]
        cv2.addWeighted(image_rows, 1.0 - alpha, color_hwc, alpha, 0.0, target_rows)
        if hidden_hw is not None:
            cv2.copyTo(image_rows, hidden_hw, target_rows)
    return target


def _target_image(
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
