# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Score a classifier on whole images, and report what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import Any

from rtformer_ros import __version__
from rtformer_ros.errors import ConfigError, EngineError
from rtformer_ros.evaluation.report import percent, Protocol, share_or_none
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.training.data.image_store import ImageStore
from rtformer_ros.training.datasets.class_folders import ClassificationDataset
from rtformer_ros.training.metrics import ClassificationScores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe_file import recipe_from_dict
from rtformer_ros.training.tasks.image_scores import score_images
import torch

IMAGES_SCORED = 'over all images: the class is the likeliest (top-1), or one of the five likeliest'
_PUBLISHED_SIZE_HW, _PUBLISHED_SHARE = (224, 224), 0.875


@dataclass(frozen=True)
class ScoredCrop:
    """
    Which part of each image is scored.

    size_hw: pixels that it is brought to; share: of the largest part of that shape, by side.
    """

    size_hw: tuple[int, int]
    share: float

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f'the middle of each image, {100 * self.share:g} % of its shorter side, brought to '
            f'{self.size_hw[0]} x {self.size_hw[1]} pixels (height x width)'
        )


def scored_crop(checkpoint: Checkpoint, size_hw: tuple[int, int] | None) -> ScoredCrop:
    """
    Return the crop that a classifier was validated with, or ImageNet's usual one.

    size_hw: another size, None for that one. Raises ConfigError for notes that are no recipe.
    """
    share, own_size_hw = _PUBLISHED_SHARE, _PUBLISHED_SIZE_HW
    if 'recipe' in checkpoint.notes:
        source = 'the recipe in the notes of the weights'
        recipe = recipe_from_dict(parse_json(checkpoint.notes['recipe'], source), source)
        share = recipe.image_crop.scored_share
        own_size_hw = (recipe.crop.height, recipe.crop.width)
    return ScoredCrop(size_hw or own_size_hw, share)


def score_classifier(
    checkpoint: Checkpoint,
    dataset: ClassificationDataset,
    crop: ScoredCrop,
    device: torch.device,
    on_images: Callable[[int], object],
) -> ClassificationScores:
    """
    Return the scores of a classifier; each image is decoded when its turn comes.

    on_images: called with the number of images of each batch. Raises ImageError for an image that
    is broken, EngineError when PyTorch fails, as where memory runs out.
    """
    logits_of = ImageSegmenter(checkpoint.build_classifier()).to(device).logits
    store, group = ImageStore(dataset, None), ProcessGroup(device=device)
    try:
        return score_images(logits_of, store, crop.size_hw, crop.share, group, on_images)
    except RuntimeError as error:
        raise EngineError(f'PyTorch failed on {device}: {error}') from error


def check_class_count(checkpoint: Checkpoint, dataset: ClassificationDataset, model: str) -> None:
    """Raise ConfigError unless a model tells as many classes apart as a data set has."""
    count = len(dataset.class_names)
    if checkpoint.num_classes != count:
        raise ConfigError(
            f'{model} tells {checkpoint.num_classes} classes apart and does not name them, '
            f"'{dataset.name}' has {count}; evaluate it on the data set that it was trained for"
        )


def image_class_table(scores: ClassificationScores, class_names: Sequence[str]) -> str:
    """Return top-1, top-5 and the number of images of each class, and of all."""
    counts = scores.confusion.sum(axis=1).tolist()
    width = max(len('all'), *(len(name) for name in class_names))
    rows = [
        (str(i), name, scores.by_class[i], scores.top_5_by_class[i], counts[i])
        for i, name in enumerate(class_names)
    ]
    rows.append(('', 'all', *scores.summary.values(), sum(counts)))
    lines = [f'{"id":>4}  {"class":{width}}  {"top-1 %":>7}  {"top-5 %":>7}  {"images":>7}']
    for class_id, name, top_1, top_5, count in rows:
        lines.append(
            f'{class_id:>4}  {name:{width}}  {percent(float(top_1)):>7}  '
            f'{percent(float(top_5)):>7}  {count:7}'
        )
    return '\n'.join(lines)


def write_image_results(
    scores: ClassificationScores, class_names: Sequence[str], protocol: Protocol, path: Path
) -> None:
    """Write protocol and scores as JSON, shares of 0..1; what is not a number becomes null."""
    by_class = zip(
        class_names,
        scores.by_class.tolist(),
        scores.top_5_by_class.tolist(),
        scores.confusion.sum(axis=1).tolist(),
        strict=True,
    )
    results: dict[str, Any] = {
        'rtformer_ros': __version__,
        'protocol': asdict(protocol),
        **{name: share_or_none(value) for name, value in scores.summary.items()},
        'classes': [
            {
                'id': class_id,
                'name': name,
                'top_1': share_or_none(top_1),
                'top_5': share_or_none(top_5),
                'images': images,
            }
            for class_id, (name, top_1, top_5, images) in enumerate(by_class)
        ],
    }
    write_atomically(path, (json.dumps(results, indent=2) + '\n').encode())
