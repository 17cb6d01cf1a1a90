# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays of this room by what they hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Metres, pixels, radians or unit vectors."""

Indices = npt.NDArray[np.intp]
"""Places in other arrays."""
