# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read CVAT's export 'Segmentation mask 1.1': coloured pictures, as Pascal VOC has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.text_file import read_text
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.training.annotations.annotated_image import AnnotatedImage, Annotations, MaskHw
from rtformer_ros.training.datasets.dataset import IMAGE_SUFFIXES

if TYPE_CHECKING:
    import numpy.typing as npt

_LAYOUT = 'labelmap.txt, SegmentationClass/NAME.png and JPEGImages/NAME.jpg'
_BACKGROUND = 'background'
Color = tuple[int, int, int]
"""Red, green and blue, 0..255."""


def read_cvat_masks(source: Path, images: Path | None = None) -> Annotations:
    """
    Return the annotations of an unpacked export.

    images: the folder of the pictures, by default JPEGImages in the export. What is drawn in the
    colour of 'background', black where there is none, was not drawn. Raises ConfigError for
    another layout, and as the areas are read for a colour that is no class's.
    """
    label_map = source / 'labelmap.txt'
    if not label_map.is_file():
        raise ConfigError(
            f'there is no {label_map}; expected {_LAYOUT}, as CVAT exports "Segmentation mask 1.1"'
        )
    colors, background = _colors(label_map)
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
        AnnotatedImage(pictures[path.stem], None, partial(_areas, path, colors, background))
        for path in masks
    )
    return Annotations(tuple(colors), found)


def _colors(path: Path) -> tuple[dict[str, Color], Color]:
    """Return the colour of each class, and of none: lines of 'name:r,g,b:parts:actions'."""
    colors: dict[str, Color] = {}
    background: Color = (0, 0, 0)
    for number, line in enumerate(read_text(path, 'label map').splitlines(), 1):
        text = line.partition('#')[0].strip()
        if not text:
            continue
        name, _, rest = text.partition(':')
        numbers = rest.partition(':')[0].split(',')
        if len(numbers) != 3 or not all(n.strip().isdecimal() and int(n) < 256 for n in numbers):
            raise ConfigError(f'{path}, line {number}: expected NAME:R,G,B::')
        red, green, blue = map(int, numbers)
        if name.casefold() == _BACKGROUND:
            background = (red, green, blue)
        else:
            colors[name] = (red, green, blue)
    if not colors:
        raise ConfigError(f'{path} names no class; expected lines NAME:R,G,B::')
    return colors, background


def _areas(
    path: Path, colors: Mapping[str, Color], background: Color, size: tuple[int, int]
) -> Iterator[tuple[str, MaskHw]]:
    del size
    drawn_hwc = read_image_file(path)
    told_hw = _drawn_in(background, drawn_hwc)
    for name, color in colors.items():
        mask_hw = _drawn_in(color, drawn_hwc)
        told_hw |= mask_hw
        yield name, mask_hw
    if not told_hw.all():
        other = ','.join(map(str, drawn_hwc[~told_hw][0]))
        raise ConfigError(
            f'{path} has {np.count_nonzero(~told_hw)} pixels in colours that labelmap.txt does '
            f'not name, {other} among them; add a line NAME:{other}:: to it, or export again'
        )


def _drawn_in(color: Color, drawn_hwc: npt.NDArray[np.uint8]) -> MaskHw:
    return np.asarray(np.all(drawn_hwc == np.array(color, np.uint8), axis=2))
