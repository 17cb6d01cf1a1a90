# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ignore mask: a picture of what a camera sees and nobody shall look at, as the robot's arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError, ImageError, shown_path
from rtformer_ros.files.text_file import open_regular
from rtformer_ros.imaging.codecs import decode_grey_png
from rtformer_ros.segmentation import UnseenPixels

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 1 << 24
_MOST_PIXELS = 1 << 24


def read_ignore_mask(path: Path) -> UnseenPixels:
    """
    Return the pixels that a grey PNG file marks as ignored: those that are not 0.

    Of a picture in colour the brightness counts, and transparency does not. It may have any size
    up to 16 million pixels, for images of every size. Raises ConfigError, which holds nothing of
    the content, for a file that is not there, no such PNG, or too large.
    """
    try:
        with open_regular(path) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f'cannot read the ignore_mask {shown_path(path)}: {error.strerror}'
        ) from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f'the ignore_mask {shown_path(path)} has more than {_MOST_BYTES} bytes, the most that '
            'is read'
        )
    try:
        samples_hw = decode_grey_png(np.frombuffer(content, np.uint8), _MOST_PIXELS)
    except ImageError as error:
        raise ConfigError(
            f'the ignore_mask {shown_path(path)} cannot be used: {error}; expected a grey PNG '
            'picture, 0 where the image counts'
        ) from error
    return UnseenPixels(np.where(samples_hw, np.uint8(255), np.uint8(0)))
