# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write annotated images as a data set in folders, which train --dataset folder reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
import shutil

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.imaging.codecs import encode_png, read_image_file
from rtformer_ros.labels.label_set import distinct_colors, LabelClass, LabelSet
from rtformer_ros.training.annotations.annotated_image import (
    AnnotatedImage,
    Annotations,
    class_map_of,
)
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.datasets.open_dataset import Split


@dataclass(frozen=True)
class FolderExport:
    """What was written: images of each split, and the share of the pixels of each class."""

    images: Counter[Split]
    shares: dict[str, float]


def labels_of_annotations(annotations: Annotations, name: str, background: str | None) -> LabelSet:
    """
    Return a label set with the classes of annotations, in their order, in distinct colours.

    background: the name of a class for all that was not drawn; it becomes the first. Raises
    ConfigError for no class or too many.
    """
    first = [] if background is None else [background]
    folded = {each.casefold() for each in first}
    names = [*first, *(n for n in annotations.class_names if n.casefold() not in folded)]
    colors = distinct_colors(len(names))
    return LabelSet(name, tuple(LabelClass(n, c) for n, c in zip(names, colors, strict=True)))


def write_folders(
    annotations: Annotations,
    labels: LabelSet,
    root: Path,
    *,
    background: str | None = None,
    val_share: float = 0.2,
    on_image: Callable[[], None] = lambda: None,
) -> FolderExport:
    """
    Write SPLIT/images and SPLIT/labels under a folder that does not exist yet, or is empty.

    background: the class of what was not drawn; None leaves it out of training and scores.
    val_share: 0..1, how much of images without a split of their own goes to val: the last of them
    by name, as neighbours of a recording resemble each other. on_image: called after each image.
    What was written goes again when it cannot be finished. Raises ConfigError for a class that the
    labels lack, a name that two images have, and a share that leaves a split empty; ImageError for
    a broken picture.
    """
    if root.exists() and any(root.iterdir()):
        raise ConfigError(f'{root} holds files already; give a new folder')
    splits = _splits(annotations, val_share)
    ids = {name.casefold(): class_id for class_id, name in enumerate(labels.names)}
    rest = IGNORED if background is None else labels.id_of(background)
    pixels = np.zeros(256, np.int64)
    try:
        for image, split in zip(annotations.images, splits, strict=True):
            pixels += _write_image(image, root / split, ids, rest)
            on_image()
    except BaseException:
        # Else the next try would be told that the folder holds files.
        for split in set(splits):
            shutil.rmtree(root / split, ignore_errors=True)
        raise
    counted = pixels[: len(labels)]
    shares = counted / max(1, counted.sum())
    return FolderExport(Counter(splits), dict(zip(labels.names, shares.tolist(), strict=True)))


def _write_image(
    image: AnnotatedImage, folder: Path, ids: Mapping[str, int], rest: int
) -> npt.NDArray[np.int64]:
    """Write a picture and its class map into the folder of its split; return pixels by id."""
    image_hwc = read_image_file(image.path)
    class_map_hw = class_map_of(image, (image_hwc.shape[0], image_hwc.shape[1]), ids, rest)
    target = folder / 'images' / image.path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image.path, target)
    write_atomically(
        folder / 'labels' / f'{image.path.stem}.png', encode_png(class_map_hw).tobytes()
    )
    return np.bincount(class_map_hw.ravel(), minlength=256)


def _splits(annotations: Annotations, val_share: float) -> list[Split]:
    _check_names(annotations.images)
    free = [image for image in annotations.images if image.split is None]
    val_count = round(val_share * len(free))
    if val_share > 0:
        val_count = max(1, val_count)
    first_val = len(free) - val_count
    chosen = {image.path: 'train' if i < first_val else 'val' for i, image in enumerate(free)}
    splits: list[Split] = [
        image.split or ('train' if chosen[image.path] == 'train' else 'val')
        for image in annotations.images
    ]
    for split in ('train', 'val'):
        if split not in splits:
            raise ConfigError(
                f'of {len(splits)} images none is for {split}; give more, or another --val-share '
                f'than {val_share:g}'
            )
    return splits


def _check_names(images: tuple[AnnotatedImage, ...]) -> None:
    names = Counter((image.split, image.path.stem) for image in images)
    twice = [name for (_, name), count in names.items() if count > 1]
    if twice:
        raise ConfigError(
            f'{len(twice)} names belong to several pictures, {quoted(twice[0])} first; rename them'
        )
