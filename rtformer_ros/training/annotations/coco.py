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

# As Roboflow names folders; its 'test' is what nobody has trained on either.
_SPLITS: Mapping[str, Split] = {'train': 'train', 'valid': 'val', 'val': 'val', 'test': 'val'}


def read_coco(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of a COCO file, or of all in a folder and the folders in it.

    images: the folder of the pictures, by default that of the file, or images/ beside it. Where
    areas overlap, the smaller one lies on the larger. Raises ConfigError for what is no COCO.
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
    folder = images or (path.parent / 'images')
    if images is None and not folder.is_dir():
        folder = path.parent
    for each in data['images']:
        largest_first = sorted(shapes[each['id']], key=lambda shape: -shape[0])
        yield AnnotatedImage(
            picture_path(folder, str(each['file_name'])),
            _SPLITS.get(path.parent.name),
            partial(_areas, [(name, shape) for _, name, shape in largest_first], path),
        )


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
