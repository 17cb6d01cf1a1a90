# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Annotated image: a picture and the areas that somebody drew on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, listed, quoted
from rtformer_ros.files.text_file import read_text
from rtformer_ros.training.datasets.dataset import IGNORED, IMAGE_SUFFIXES
from rtformer_ros.training.datasets.open_dataset import Split

MaskHw = npt.NDArray[np.bool_]

# COCO's own file for 118,000 images has 450 MB.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class AnnotatedImage:
    """
    A picture and its areas.

    path: of the picture; split: the one it was exported for, None where the export has none.
    areas: called with (height, width) of the picture as it is read; gives the name of a class and
    the area, bool [height, width], one after the other: a later one lies on those before it. May
    raise ConfigError. drawn_size: (height, width) of the picture that they were drawn on, None
    where the export does not say.
    """

    path: Path
    split: Split | None
    areas: Callable[[tuple[int, int]], Iterable[tuple[str, MaskHw]]]
    drawn_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Annotations:
    """Pictures in the order of their names, and all class names that the export knows."""

    class_names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]


def class_map_of(
    image: AnnotatedImage, size: tuple[int, int], ids: Mapping[str, int], background: int = IGNORED
) -> npt.NDArray[np.uint8]:
    """
    Return the ids of an image's classes, uint8 [height, width].

    ids: by class name in lower case. background: what stands where nothing was drawn. Raises
    ConfigError for a class without an id and for areas of another size.
    """
    _check_size(image, image.drawn_size or size, size)
    ids_hw = np.full(size, background, np.uint8)
    for name, mask_hw in image.areas(size):
        class_id = ids.get(name.casefold())
        if class_id is None:
            raise ConfigError(
                f'{image.path.name} has an area of the class {quoted(name)}, which the labels '
                f'lack; expected one of: {listed(ids)}'
            )
        _check_size(image, (mask_hw.shape[0], mask_hw.shape[1]), size)
        ids_hw[mask_hw] = class_id
    return ids_hw


def size_of(height: Any, width: Any) -> tuple[int, int] | None:
    """Return what an export says of a picture's size, None where it is nothing to go by."""
    is_size = all(isinstance(side, int) and side > 0 for side in (height, width))
    return (height, width) if is_size else None


def _check_size(image: AnnotatedImage, drawn: tuple[int, int], size: tuple[int, int]) -> None:
    if drawn != size:
        raise ConfigError(
            f'{image.path.name} has {size[1]}x{size[0]} pixels, but its areas are for '
            f'{drawn[1]}x{drawn[0]}; export both from the same pictures'
        )


def read_json(path: Path) -> Any:
    """Return what a JSON file of an annotation program holds; raises ConfigError."""
    try:
        return json.loads(read_text(path, 'annotation file', _MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'{path} is no JSON: {error}') from error


def picture_path(folder: Path, name: str) -> Path:
    """
    Return the picture of that name in a folder or below it.

    Raises ConfigError where there is none, or the name leads out of the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigError(
            f'{quoted(name)} lies outside {folder}; put the pictures there, or give their folder '
            'as --images'
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
        raise ConfigError(
            f'there is no picture {path}; export the pictures too, or give their folder as '
            '--images'
        )
    return path
