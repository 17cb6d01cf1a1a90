# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Name what every network has in common: its settings, and the normalisation of its input."""

from __future__ import annotations

from dataclasses import dataclass

MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""Normalisation of the input: (pixel / 255 - mean) / std, in the order red, green, blue."""


@dataclass(frozen=True)
class Architecture:
    """
    Settings that decide the layers of a network; each family adds its own, all plain data.

    variant: the published size that it is or was derived from; num_classes: 1 or more.
    """

    variant: str
    num_classes: int
