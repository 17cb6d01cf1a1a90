# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read CVAT's export 'Segmentation mask 1.1': coloured pictures, as Pascal VOC has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.text_file import read_text
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.training.annotations.annotated_image import AnnotatedImage, Annotations, MaskHw
from rtformer_ros.training.datasets.dataset import IMAGE_SUFFIXES

_LAYOUT = 'labelmap.txt, SegmentationClass/NAME.png and JPEGImages/NAME.jpg'
_BACKGROUND = 'background'


def read_cvat_masks(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of an unpacked export.

    images: the folder of the pictures, by default JPEGImages in the export. What is drawn in the
    colour of 'background' was not drawn. Raises ConfigError for another layout.
    """
    label_map = source / 'labelmap.txt'
    if not label_map.is_file():
        raise ConfigError(
            f'there is no {label_map}; expected {_LAYOUT}, as CVAT exports "Segmentation mask 1.1"'
        )
    colors = _colors(label_map)
    masks = sorted((source / 'SegmentationClass').glob('*.png'))
    folder = images or source / 'JPEGImages'
    pictures = {
        path.stem: path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if path.suffix.lower() in IMAGE_SUFFIXES
    }
    missing = [path.stem for path in masks if path.stem not in pictures]
    if not masks or missing:
        what = f'the picture of {quoted(missing[0])}' if missing else 'every mask'
        raise ConfigError(
            f'{source} lacks {what}; expected {_LAYOUT} (export with images, or give their folder '
            'as --images)'
        )
    found = tuple(
        AnnotatedImage(pictures[path.stem], None, partial(_areas, path, colors)) for path in masks
    )
    return Annotations(tuple(colors), found)


def _colors(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the colour of each class but the background: lines of 'name:r,g,b:parts:actions'."""
    colors = {}
    for number, line in enumerate(read_text(path, 'label map').splitlines(), 1):
        text = line.partition('#')[0].strip()
        if not text:
            continue
        name, _, rest = text.partition(':')
        numbers = rest.partition(':')[0].split(',')
        if len(numbers) != 3 or not all(n.strip().isdecimal() and int(n) < 256 for n in numbers):
            raise ConfigError(f'{path}, line {number}: expected NAME:R,G,B::')
        if name.casefold() != _BACKGROUND:
            colors[name] = tuple(map(int, numbers))
    if not colors:
        raise ConfigError(f'{path} names no class; expected lines NAME:R,G,B::')
    return colors


def _areas(
    path: Path, colors: Mapping[str, tuple[int, ...]], size: tuple[int, int]
) -> Iterator[tuple[str, MaskHw]]:
    del size
    drawn_hwc = read_image_file(path)
    for name, color in colors.items():
        yield name, np.all(drawn_hwc == np.array(color, np.uint8), axis=2)
