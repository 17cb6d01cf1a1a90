"""Pair images with their labels by file name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.training.datasets.dataset import Sample

IMAGE_SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.bmp', '.webp'})
_SHOWN = 3


def pair_files(
    images: Path, labels: Path, label_name: Callable[[Path], str], layout: str
) -> tuple[Sample, ...]:
    """
    Return a sample for every image under a folder, in the order of their names.

    label_name: the path of an image's label below `labels`, for its path below `images`.
    layout: what the folders should look like, for errors. Raises ConfigError for a folder that
    is missing or empty and for images without a label, naming them.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise ConfigError(f'there is no folder {folder}; expected {layout}')
    found = sorted(path for path in images.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise ConfigError(f'{images} holds no image; expected {layout}')
    samples = tuple(Sample(path, labels / label_name(path.relative_to(images))) for path in found)
    missing = [sample for sample in samples if not sample.label.is_file()]
    if missing:
        first = missing[0]
        raise ConfigError(
            f'{len(missing)} of {len(samples)} images have no label: {first.image} needs '
            f'{first.label}{_further(missing)}; expected {layout}'
        )
    return samples


def _further(missing: list[Sample]) -> str:
    names = [sample.image.name for sample in missing[1 : 1 + _SHOWN]]
    return f' (also {", ".join(names)}{", ..." if len(missing) > 1 + _SHOWN else ""})' * bool(names)
