# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Colour palette: which colour stands for which class id."""

from __future__ import annotations

from collections.abc import Mapping
import re
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.labels.label_set import ColorRgb, LabelSet

_HEX_COLOR = re.compile(r'#?([0-9a-fA-F]{6})')
_NO_COLORS: Mapping[int, ColorRgb] = MappingProxyType({})


def parse_color(text: str) -> ColorRgb:
    """Return the colour (red, green, blue; 0..255) of '#rrggbb'; raises ConfigError."""
    match = _HEX_COLOR.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"{quoted(text)} is no colour; expected '#rrggbb', for example '#804080'"
        )
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
