# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read Labelme's annotations: a JSON file beside each picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from rtformer_ros.errors import ConfigError
from rtformer_ros.training.annotations.annotated_image import (
    AnnotatedImage,
    Annotations,
    MaskHw,
    picture_path,
    read_json,
)

_SHAPES = ('polygon', 'rectangle', 'circle')
# Its name, its kind and its points, [N, 2] in pixels.
_Shape: TypeAlias = tuple[str, str, 'np.ndarray[Any, np.dtype[np.float64]]']


def read_labelme(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of a folder of Labelme files.

    images: the folder of the pictures, by default each file's own. Polygons, rectangles and
    circles are areas, in the order in which they were drawn; points and lines are not. Raises
    ConfigError for what is no Labelme file.
    """
    files = sorted(source.rglob('*.json')) if source.is_dir() else []
    if not files:
        raise ConfigError(f'there is no Labelme file (.json) in {source}; give the folder of them')
    names: set[str] = set()
    found = []
    for path in files:
        picture, shapes = _read_file(path)
        names.update(name for name, _, _ in shapes)
        folder = images or path.parent
        found.append(
            AnnotatedImage(
                picture_path(folder, Path(picture).name if images else picture),
                None,
                partial(_areas, shapes),
            )
        )
    return Annotations(tuple(sorted(names)), tuple(sorted(found, key=lambda each: each.path)))


def _read_file(path: Path) -> tuple[str, list[_Shape]]:
    """Return the picture that a file is for, and its areas; raises ConfigError."""
    data = read_json(path)
    try:
        areas = [
            (str(shape['label']), str(shape.get('shape_type', 'polygon')), shape['points'])
            for shape in data['shapes']
        ]
        # Written on another system, it may hold that one's separators.
        picture = str(data['imagePath']).replace('\\', '/')
        shapes = [(name, kind, _points(points, path)) for name, kind, points in areas]
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f'{path} is no Labelme file: expected imagePath and shapes with label and points '
            f'({type(error).__name__}: {error})'
        ) from error
    return picture, [shape for shape in shapes if shape[1] in _SHAPES]


def _points(points: Any, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        xy = np.asarray(points, np.float64)
    except ValueError as error:
        raise ConfigError(f'{path} has points that are no pairs of numbers') from error
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise ConfigError(f'{path} has points that are no pairs of numbers')
    return xy


def _areas(
    shapes: Sequence[_Shape],
    size: tuple[int, int],
) -> Iterator[tuple[str, MaskHw]]:
    for name, kind, xy in shapes:
        mask_hw = np.zeros(size, np.uint8)
        # A corner between pixels, and outside of the picture too, within what OpenCV counts.
        corners = np.clip(np.rint(xy), -32768, 32767).astype(np.int32)
        if kind == 'polygon':
            cv2.fillPoly(mask_hw, [corners], [1])
        elif len(corners) != 2:
            continue
        elif kind == 'rectangle':
            cv2.rectangle(mask_hw, corners[0].tolist(), corners[1].tolist(), [1], cv2.FILLED)
        else:
            radius = round(float(np.hypot(*(xy[1] - xy[0]))))
            cv2.circle(mask_hw, corners[0].tolist(), min(radius, 32767), [1], cv2.FILLED)
        yield name, mask_hw.astype(bool)
