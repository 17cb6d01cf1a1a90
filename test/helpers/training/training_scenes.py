# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Small street scenes that can be told apart by colour, and data sets of them on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rtformer_ros.labels.label_set import LabelClass, LabelSet

SCENES = LabelSet(
    'scenes',
    (
        LabelClass('sky', (80, 160, 240), 'sky'),
        LabelClass('road', (120, 120, 120), 'drivable'),
        LabelClass('house', (200, 60, 40), 'obstacle'),
        LabelClass('post', (240, 220, 60), 'obstacle'),
    ),
    ignore_id=9,
)
COLORS_RGB = np.array([c.color_rgb for c in SCENES.classes], np.uint8)


def scene(seed: int, height: int = 64, width: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Return an image, RGB uint8 [h, w, 3], and its classes, uint8 [h, w]."""
    rng = np.random.default_rng(seed)
    label = np.zeros((height, width), np.uint8)
    label[int(rng.integers(height // 2, height - 8)) :] = 1
    top, left = int(rng.integers(4, height // 2)), int(rng.integers(0, width // 2))
    label[top : top + height // 2, left : left + width // 3] = 2
    post = int(rng.integers(width // 2, width - 8))
    label[height // 4 :, post : post + 6] = 3
    noise = rng.integers(-12, 13, (height, width, 3))
    return np.clip(COLORS_RGB[label] + noise, 0, 255).astype(np.uint8), label


def write_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    is_color = picture.ndim == 3
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if is_color else picture)


def write_scenes(root: Path, train: int = 5, val: int = 2) -> Path:
    """Write train/ and val/ with images/ and labels/, and return the root."""
    for split, count, first in (('train', train, 0), ('val', val, 100)):
        for number in range(count):
            image, label = scene(first + number)
            write_picture(root / split / 'images' / f'scene_{number}.png', image)
            write_picture(root / split / 'labels' / f'scene_{number}.png', label)
    return root
