# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Figures of matplotlib as PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 100


def png_of(figure: Figure) -> bytes:
    """Return the content of a PNG file of a figure, 100 pixels an inch."""
    content = io.BytesIO()
    figure.savefig(content, format='png', dpi=_DOTS_PER_INCH)
    return content.getvalue()
