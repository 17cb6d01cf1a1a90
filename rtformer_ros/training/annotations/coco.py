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
)
from rtformer_ros.training.datasets.open_dataset import Split

# As Roboflow names folders and CVAT subsets; 'test' is what nobody has trained on either.
_SPLITS: Mapping[str, Split] = {
    'train': 'train', 'valid': 'val', 'val': 'val', 'validation': 'val', 'test': 'val'
}  # fmt: skip
# CVAT's file of a subset, which is 'default' unless somebody named one.
_INSTANCES = 'instances_'


def read_coco(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of a COCO file, or of all in a folder and the folders in it.

    images: the folder of the pictures, by default that of the file, or images/ beside it; of
    annotations/instances_SUBSET.json, ../images/SUBSET or ../images. Where areas overlap, the
    smaller one lies on the larger. Raises ConfigError for what is no COCO.
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
    folder = images or _pictures(path, subset)
    for each in data['images']:
        largest_first = sorted(shapes[each['id']], key=lambda shape: -shape[0])
        yield AnnotatedImage(
            picture_path(folder, str(each['file_name'])),
            _SPLITS.get(subset.casefold()),
            partial(_areas, [(name, shape) for _, name, shape in largest_first], path),
        )


def _subset(path: Path) -> str:
    """Return the name of the split that a file is of: CVAT writes it into its name."""
    if path.stem.startswith(_INSTANCES):
        return path.stem.removeprefix(_INSTANCES)
    return path.parent.name


def _pictures(path: Path, subset: str) -> Path:
    """Return the folder of a file's pictures: the first that exists of where programs put them."""
    beside, above = path.parent / 'images', path.parent.parent / 'images'
    places = [beside]
    if path.parent.name == 'annotations':
        places += [above / subset, above]
    return next((place for place in places if place.is_dir()), path.parent)


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
            code = coco_mask.merge(coco_mask.frPyObjects(shape, height, width))
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
