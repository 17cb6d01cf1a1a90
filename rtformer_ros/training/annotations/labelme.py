# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read Labelme's annotations: a JSON file beside each picture."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.imaging.codecs import decode_grey_png
from rtformer_ros.imaging.image_header import MAX_IMAGE_PIXELS
from rtformer_ros.training.annotations.annotated_image import (
    AnnotatedImage,
    Annotations,
    MaskHw,
    picture_path,
    read_json,
    size_of,
)

_SHAPES = ('polygon', 'rectangle', 'circle', 'mask')


@dataclass(frozen=True)
class _Shape:
    """
    An area that was drawn.

    name: of its class; kind: one of _SHAPES; points_xy: [N, 2] in pixels; mask_hw: of a 'mask',
    whose upper left corner is the first point, None else.
    """

    name: str
    kind: str
    points_xy: np.ndarray[Any, np.dtype[np.float64]]
    mask_hw: MaskHw | None


def read_labelme(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of a folder of Labelme files.

    images: the folder of the pictures, by default each file's own. Polygons, rectangles, circles
    and masks are areas, in the order in which they were drawn; points and lines are not. Raises
    ConfigError for what is no Labelme file.
    """
    files = sorted(source.rglob('*.json')) if source.is_dir() else []
    if not files:
        raise ConfigError(f'there is no Labelme file (.json) in {source}; give the folder of them')
    names: set[str] = set()
    found = []
    for path in files:
        picture, size, shapes = _read_file(path)
        names.update(shape.name for shape in shapes)
        folder = images or path.parent
        found.append(
            AnnotatedImage(
                picture_path(folder, Path(picture).name if images else picture),
                None,
                partial(_areas, shapes),
                size,
            )
        )
    return Annotations(tuple(sorted(names)), tuple(sorted(found, key=lambda each: each.path)))


def _read_file(path: Path) -> tuple[str, tuple[int, int] | None, list[_Shape]]:
    """Return the picture that a file is for, its size, and its areas; raises ConfigError."""
    data = read_json(path)
    try:
        drawn = [
            (
                str(shape['label']),
                str(shape.get('shape_type') or 'polygon'),
                shape['points'],
                shape.get('mask'),
            )
            for shape in data['shapes']
        ]
        # Written on another system, it may hold that one's separators.
        picture = str(data['imagePath']).replace('\\', '/')
        size = size_of(data.get('imageHeight'), data.get('imageWidth'))
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f'{path} is no Labelme file: expected imagePath and shapes with label and points '
            f'({type(error).__name__}: {error})'
        ) from error
    shapes = [
        _Shape(name, kind, _points(points, path), _mask(mask, path) if kind == 'mask' else None)
        for name, kind, points, mask in drawn
    ]
    return picture, size, [shape for shape in shapes if shape.kind in _SHAPES]


def _points(points: Any, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        xy = np.asarray(points, np.float64)
    except ValueError as error:
        raise ConfigError(f'{path} has points that are no pairs of numbers') from error
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise ConfigError(f'{path} has points that are no pairs of numbers')
    return xy


def _mask(text: Any, path: Path) -> MaskHw:
    """Return the pixels of a mask, a PNG in base64; raises ConfigError."""
    try:
        data = base64.b64decode(text, validate=True)
        grey_hw = decode_grey_png(np.frombuffer(data, np.uint8), MAX_IMAGE_PIXELS)
    except (TypeError, binascii.Error, ImageError) as error:
        raise ConfigError(f'{path} has a mask that is no PNG in base64: {error}') from error
    return np.asarray(grey_hw != 0, np.bool_)


def _areas(shapes: Sequence[_Shape], size: tuple[int, int]) -> Iterator[tuple[str, MaskHw]]:
    for shape in shapes:
        area_hw = np.zeros(size, np.uint8)
        # A corner between pixels, and outside of the picture too, within what OpenCV counts.
        corners = np.clip(np.rint(shape.points_xy), -32768, 32767).astype(np.int32)
        if shape.kind == 'polygon':
            cv2.fillPoly(area_hw, [corners], [1])
        elif len(corners) != 2:
            continue
        elif shape.mask_hw is not None:
            left, top = corners[0].tolist()
            _place(shape.mask_hw, left, top, area_hw)
        elif shape.kind == 'rectangle':
            cv2.rectangle(area_hw, corners[0].tolist(), corners[1].tolist(), [1], cv2.FILLED)
        else:
            radius = round(float(np.hypot(*(shape.points_xy[1] - shape.points_xy[0]))))
            cv2.circle(area_hw, corners[0].tolist(), min(radius, 32767), [1], cv2.FILLED)
        yield shape.name, area_hw.astype(bool)


def _place(mask_hw: MaskHw, left: int, top: int, area_hw: np.ndarray[Any, Any]) -> None:
    """Copy what of a mask lies in an area, uint8, that it may lead out of."""
    seen_hw = mask_hw[max(0, -top) :, max(0, -left) :]
    place_hw = area_hw[max(0, top) :, max(0, left) :]
    height, width = (min(a, b) for a, b in zip(seen_hw.shape, place_hw.shape, strict=True))
    place_hw[:height, :width] = seen_hw[:height, :width]
