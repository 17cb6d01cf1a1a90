# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read COCO instance annotations, as Roboflow, CVAT and Label Studio export them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rtformer_ros.errors import ConfigError, kind_of
from rtformer_ros.training.annotations.annotated_image import (
    AnnotatedImage,
    Annotations,
    MaskHw,
    picture_path,
    read_json,
    size_of,
)
from rtformer_ros.training.datasets.open_dataset import Split

# As Roboflow names folders and CVAT subsets; 'test' is what nobody has trained on either.
_SPLITS: Mapping[str, Split] = {
    'train': 'train', 'valid': 'val', 'val': 'val', 'validation': 'val', 'test': 'val'
}  # fmt: skip
# CVAT's file of a subset, which is 'default' unless somebody named one.
_INSTANCES = 'instances_'
_FARTHEST_PX = 32768
# Of a polygon with an area; the library takes four for a box's corner, width and height.
_LEAST_NUMBERS = 6


def read_coco(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of a COCO file, or of all in a folder and the folders in it.

    images: the folder of the pictures, by default images/ beside the file, or the file's own;
    of annotations/instances_SUBSET.json also ../images/SUBSET or ../images. Where areas overlap,
    the smaller one lies on the larger. Raises ConfigError for what is no COCO.
    """
    files = [source] if source.is_file() else sorted(source.rglob('*.json'))
    if not files:
        raise ConfigError(f'there is no COCO file (.json) in {source}; export COCO with pictures')
    names: dict[str, None] = {}
    found: list[AnnotatedImage] = []
    for path in files:
        data = read_json(path)
        try:
            classes = {each['id']: str(each['name']) for each in data['categories']}
            found += _images(data, classes, path, images)
        except (KeyError, TypeError, IndexError) as error:
            raise ConfigError(
                f'{path} is no COCO file: expected images, annotations and categories '
                f'({type(error).__name__}: {error})'
            ) from error
        names.update(dict.fromkeys(classes.values()))
    return Annotations(tuple(names), tuple(sorted(found, key=lambda image: image.path)))


def _images(
    data: Any, classes: Mapping[int, str], path: Path, images: Path | None
) -> Iterator[AnnotatedImage]:
    shapes: dict[int, list[tuple[float, str, Any]]] = defaultdict(list)
    for each in data['annotations']:
        name, size = classes[each['category_id']], float(each.get('area') or 0)
        shapes[each['image_id']].append((size, name, each['segmentation']))
    subset = _subset(path)
    folders = [images] if images else _picture_folders(path, subset)
    for each in data['images']:
        largest_first = sorted(shapes[each['id']], key=lambda shape: -shape[0])
        # Written on another system, it may hold that one's separators.
        name = str(each['file_name']).replace('\\', '/')
        yield AnnotatedImage(
            picture_path(next((f for f in folders if (f / name).is_file()), folders[0]), name),
            _SPLITS.get(subset.casefold()),
            partial(_areas, [(name, shape) for _, name, shape in largest_first], path),
            size_of(each.get('height'), each.get('width')),
        )


def _subset(path: Path) -> str:
    """Return the name of the split that a file is of: CVAT writes it into its name."""
    if path.stem.startswith(_INSTANCES):
        return path.stem.removeprefix(_INSTANCES)
    return path.parent.name


def _picture_folders(path: Path, subset: str) -> list[Path]:
    """Return the folders that exist of where programs put a file's pictures, best first."""
    beside, above = path.parent / 'images', path.parent.parent / 'images'
    places = [beside]
    if path.parent.name == 'annotations':
        places += [above / subset, above]
    return [place for place in (*places, path.parent) if place.is_dir()]


def _areas(
    shapes: Sequence[tuple[str, Any]], path: Path, size: tuple[int, int]
) -> Iterator[tuple[str, MaskHw]]:
    for name, shape in shapes:
        if shape:
            yield name, _mask(shape, size, path)


def _mask(shape: Any, size: tuple[int, int], path: Path) -> MaskHw:
    """Return the area of polygons (a list) or of a run-length code (a dict with counts)."""
    from pycocotools import mask as coco_mask

    height, width = size
    try:
        if isinstance(shape, list):
            polygons = [_within_reach(c) for c in shape if len(c) >= _LEAST_NUMBERS]
            if not polygons:
                return np.zeros(size, np.bool_)
            code = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        elif isinstance(shape['counts'], list):
            code = coco_mask.frPyObjects(shape, *shape['size'])
        else:
            code = shape
        return np.asarray(coco_mask.decode(code), bool)
    # The library raises plain Exception, and what its C code finds.
    except Exception as error:
        raise ConfigError(
            f'{path} has an area that is neither polygons nor a run-length code, but '
            f'{kind_of(shape)}: {error}'
        ) from error


def _within_reach(corners: Any) -> list[float]:
    """Return x and y of corners, far ones moved nearer: the library draws edges point by point."""
    numbers = np.asarray(corners, np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError('a corner is no number')
    within: list[float] = np.clip(numbers, -_FARTHEST_PX, _FARTHEST_PX).tolist()
    return within
