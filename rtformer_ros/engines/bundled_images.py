# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The photographs that come with the package, to try on them what a model was made into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import EngineError
from rtformer_ros.files.packaged_files import share_directories

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_IMAGES = ('samples/leuven_a.jpg', 'samples/leuven_b.jpg')


def bundled_images(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return two street photographs at `size` (height, width), uint8 [2, h, w, 3], RGB."""
    # Both import cv2.
    from rtformer_ros.imaging.codecs import read_image_file
    from rtformer_ros.imaging.resize import place, to_network

    images_nhwc = np.empty((len(_IMAGES), *size, 3), np.uint8)
    for image_hwc, path in zip(images_nhwc, bundled_paths(), strict=True):
        photo_hwc = read_image_file(path)
        height, width, _ = photo_hwc.shape
        image_hwc[:] = to_network(photo_hwc, place((height, width), size, 'stretch'), image_hwc)
    return images_nhwc


def bundled_paths() -> list[Path]:
    """Return the files of the photographs; raises EngineError where they are not installed."""
    return [_find_image(name) for name in _IMAGES]


def _find_image(name: str) -> Path:
    candidates = [share / name for share in share_directories()]
    for path in candidates:
        if path.is_file():
            return path
    raise EngineError(
        f'the image {name} that models are tried on is missing; looked for '
        f'{", ".join(map(str, candidates))}. Install rtformer_ros again'
    )
