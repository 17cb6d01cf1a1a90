# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Coloured shapes on coloured noise: data sets to classify and to segment, of one kind of picture.

    python test/helpers/training/training_shapes.py FOLDER

writes FOLDER/images, in a folder for each class, FOLDER/pixels, with class maps and labels.yaml,
and a small recipe for each: FOLDER/images.yaml and FOLDER/pixels.yaml.
"""

from __future__ import annotations

from pathlib import Path
import sys

import cv2
import numpy as np
from rtformer_ros.labels.label_set import LabelClass, LabelSet
import yaml

SHAPES = ('circle', 'cross', 'square')
SHAPE_LABELS = LabelSet(
    'shapes',
    (
        LabelClass('ground', (90, 90, 90)),
        LabelClass('circle', (220, 60, 60)),
        LabelClass('cross', (60, 200, 60)),
        LabelClass('square', (60, 60, 220)),
    ),
)
SIZE = 64
IMAGES_RECIPE = {
    'steps': 240,
    'batch_size': 10,
    'ema_decay': 0.9,
    'validate_every': 120,
    'save_every': 120,
    'precision': 'fp32',
    'network': {
        'base_channels': 8,
        'head_channels': 16,
        'last_channels': 64,
        'drop_path_rate': 0.0,
    },
    'optimizer': {'lr': 8e-3, 'weight_decay': 0.01, 'head_lr_factor': 1.0, 'decay_norms': False},
    'schedule': {'kind': 'cosine', 'warmup_steps': 12},
    'loss': {'label_smoothing': 0.1},
    'crop': {'height': SIZE, 'width': SIZE},
    'image_crop': {'area_min': 0.7, 'aspect_max': 1.0, 'scored_share': 1.0},
    'color': {'chance': 0.0},
    'mixing': {'mixup_alpha': 0.2, 'cutmix_alpha': 1.0, 'chance': 0.1},
}
PIXELS_RECIPE = {
    **{name: IMAGES_RECIPE[name] for name in IMAGES_RECIPE if name not in ('mixing', 'loss')},
    'steps': 120,
    'validate_every': 60,
    'loss': {'aux_weight': 0.4},
}


def draw_shape(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image, RGB uint8 [64, 64, 3], and which pixels are of the shape, bool [64, 64]."""
    rng = np.random.default_rng((SHAPES.index(kind), seed))
    radius = int(rng.integers(12, 24))
    y, x = (rng.integers(radius, SIZE - radius, 2)).tolist()
    mask = np.zeros((SIZE, SIZE), np.uint8)
    if kind == 'circle':
        cv2.circle(mask, (x, y), radius, 1, -1)
    elif kind == 'square':
        mask[y - radius : y + radius, x - radius : x + radius] = 1
    else:
        arm = radius // 3
        mask[y - arm : y + arm, x - radius : x + radius] = 1
        mask[y - radius : y + radius, x - arm : x + arm] = 1
    # Colours say nothing about the class.
    ground, ink = rng.integers(0, 100, 3), rng.integers(130, 256, 3)
    image = np.where(mask[..., None] == 1, ink, ground) + rng.integers(-12, 13, (SIZE, SIZE, 3))
    return np.clip(image, 0, 255).astype(np.uint8), mask == 1


def write_class_folders(root: Path, train: int = 60, val: int = 20) -> Path:
    """Write SPLIT/CLASS/*.png with so many images of each class, and return the root."""
    for split, numbers in (('train', range(train)), ('val', range(1000, 1000 + val))):
        for kind in SHAPES:
            for number in numbers:
                _write(root / split / kind / f'{number}.png', draw_shape(kind, number)[0])
    return root


def write_class_maps(root: Path, train: int = 20, val: int = 8) -> Path:
    """Write SPLIT/images, SPLIT/labels and labels.yaml, and return the root."""
    for split, numbers in (('train', range(2000, 2000 + train)), ('val', range(3000, 3000 + val))):
        for class_id, kind in enumerate(SHAPES, start=1):
            for number in numbers:
                image, is_shape = draw_shape(kind, number)
                name = f'{kind}_{number}.png'
                _write(root / split / 'images' / name, image)
                _write(root / split / 'labels' / name, is_shape.astype(np.uint8) * class_id)
    (root / 'labels.yaml').write_text(yaml.safe_dump(SHAPE_LABELS.to_dict()))
    return root


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)


if __name__ == '__main__':
    write_class_folders(Path(sys.argv[1]) / 'images')
    write_class_maps(Path(sys.argv[1]) / 'pixels')
    for name, recipe in (('images', IMAGES_RECIPE), ('pixels', PIXELS_RECIPE)):
        (Path(sys.argv[1]) / f'{name}.yaml').write_text(yaml.safe_dump(recipe, sort_keys=False))
