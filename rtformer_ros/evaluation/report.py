# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Report an evaluation: how it was measured, and its scores as text, JSON and CSV.

The protocol, in words, comes first; the functions below it find the words.
"""

from __future__ import annotations

from collections.abc import Sequence
import csv
from dataclasses import asdict, dataclass
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros import __version__
from rtformer_ros.evaluation.scores import Evaluation
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.training.datasets.dataset import Dataset, IGNORED

_MOST_LISTED_IDS = 20
_SCORED = (
    'over all pixels at the size of the label; classes in neither truth nor prediction are left '
    'out of the mean'
)


@dataclass(frozen=True)
class Protocol:
    """
    How scores were measured, in words.

    data: the data set and which of its images; model: file, SHA-256 and what ran it; input: how
    images are brought to the network's size; output: how predictions are brought to the label's
    size; ignored: which pixels do not count; scores: what is averaged over what.
    """

    data: str
    model: str
    model_sha256: str
    engine: str
    input: str
    output: str
    ignored: str
    scores: str = _SCORED

    def __str__(self) -> str:
        """Return one line for each field."""
        return '\n'.join(
            f'{name.replace("_", " "):13} {value}' for name, value in asdict(self).items()
        )


def engine_steps(height: int, width: int) -> tuple[str, str]:
    """Return the protocol's `input` and `output` where an engine runs as in the node."""
    return (
        f'stretched to {height} x {width} pixels (height x width; bilinear, areas averaged where '
        'both sides at least halve), as the node does',
        'class ids brought to the size of the label, nearest pixel, as the node does',
    )


def averaging_steps(
    scales: Sequence[float], *, flip: bool, prior_tau: float = 0.0
) -> tuple[str, str]:
    """Return the protocol's `input` and `output` where an AveragedNetwork runs."""
    sizes = ', '.join(f'{scale:g}' for scale in scales)
    mirrored = ', each also mirrored' if flip else ''
    is_plain = tuple(scales) == (1.0,) and not flip
    prior = f' plus {prior_tau:g} log(share of the class)' if prior_tau else ''
    output = f'logits{prior} brought to the size of the label (bilinear), '
    return (
        f'at their own size times {sizes} (bilinear){mirrored}',
        output + ('winner' if is_plain else 'softmax, mean, winner'),
    )


def described_data(dataset: Dataset, total: int) -> str:
    """Return the protocol's `data` for a data set that had `total` samples before any limit."""
    return described_count(dataset.name, len(dataset.samples), total)


def described_count(name: str, chosen: int, total: int) -> str:
    """Return in words how many images of a data set are scored."""
    if chosen == total:
        return f'{name}, {total} images'
    return f'{name}, {chosen} of {total} images, evenly spaced'


def described_ignored(dataset: Dataset) -> str:
    """Return the protocol's `ignored` for a data set."""
    ids = np.flatnonzero(dataset.id_table == IGNORED)
    if len(ids) > _MOST_LISTED_IDS:
        return f'the {len(ids)} ids of the label files that are no class'
    return f'id(s) {", ".join(map(str, ids))} of the label files'


def described_scores(trimap_widths_px: Sequence[int]) -> str:
    """Return the protocol's `scores`, where trimaps are scored too if there are any widths."""
    if not trimap_widths_px:
        return _SCORED
    widths = ', '.join(map(str, trimap_widths_px))
    return (
        f'{_SCORED}; and over the pixels at most {widths} pixels from another class of the truth '
        '(diagonals count as one)'
    )


def class_table(evaluation: Evaluation) -> str:
    """Return the IoU of each class, its share of the true pixels, and the scores over all."""
    scores, labels = evaluation.scores, evaluation.dataset.labels
    pixels = scores.confusion.sum(axis=1)
    width = max(len('pixel accuracy'), *(len(name) for name in labels.names))
    lines = [f'{"id":>3}  {"class":{width}}  {"IoU %":>6}  {"pixels %":>8}']
    for class_id, name in enumerate(labels.names):
        share = pixels[class_id] / max(1, pixels.sum())
        lines.append(
            f'{class_id:3}  {name:{width}}  {percent(float(scores.iou[class_id])):>6}  '
            f'{100 * share:8.2f}'
        )
    lines.append(f'     {"mIoU":{width}}  {percent(scores.mean_iou):>6}')
    lines.append(f'     {"pixel accuracy":{width}}  {percent(scores.pixel_accuracy):>6}')
    return '\n'.join(lines)


def trimap_table(evaluation: Evaluation) -> str:
    """Return the scores near borders by width, and which share of the true pixels they are of."""
    total = evaluation.scores.confusion.sum()
    lines = [f'{"trimap px":>9}  {"mIoU %":>6}  {"accuracy %":>10}  {"pixels %":>8}']
    for each in evaluation.trimaps:
        share = each.scores.confusion.sum() / max(1, total)
        lines.append(
            f'{each.width_px:9}  {percent(each.scores.mean_iou):>6}  '
            f'{percent(each.scores.pixel_accuracy):>10}  {100 * share:8.2f}'
        )
    return '\n'.join(lines)


def results(evaluation: Evaluation, protocol: Protocol) -> dict[str, Any]:
    """
    Return protocol and scores as plain data; shares are 0..1.

    `iou` of a trimap is by class, in the order of `classes`.
    """
    scores, labels = evaluation.scores, evaluation.dataset.labels
    pixels = scores.confusion.sum(axis=1).tolist()
    return {
        'rtformer_ros': __version__,
        'protocol': asdict(protocol),
        'mean_iou': share_or_none(scores.mean_iou),
        'pixel_accuracy': share_or_none(scores.pixel_accuracy),
        'classes': [
            {'id': i, 'name': name, 'iou': share_or_none(iou), 'pixels': pixels[i]}
            for i, (name, iou) in enumerate(zip(labels.names, scores.iou.tolist(), strict=True))
        ],
        'images': [
            {
                'image': image.sample.image.name,
                'mean_iou': share_or_none(image.mean_iou),
                'pixel_accuracy': share_or_none(image.pixel_accuracy),
            }
            for image in evaluation.images
        ],
        'trimaps': [
            {
                'width_px': each.width_px,
                'mean_iou': share_or_none(each.scores.mean_iou),
                'pixel_accuracy': share_or_none(each.scores.pixel_accuracy),
                'pixels': int(each.scores.confusion.sum()),
                'iou': [share_or_none(float(iou)) for iou in each.scores.iou],
            }
            for each in evaluation.trimaps
        ],
    }


def write_results(evaluation: Evaluation, protocol: Protocol, path: Path) -> None:
    """Write protocol and scores as JSON; what is not a number becomes null."""
    write_atomically(path, (json.dumps(results(evaluation, protocol), indent=2) + '\n').encode())


def write_confusion_csv(
    confusion: npt.NDArray[np.int64], names: Sequence[str], path: Path
) -> None:
    """Write how much of each true class (rows) was taken for each class (columns)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['true \\ predicted', *names])
    for name, row in zip(names, confusion.tolist(), strict=True):
        writer.writerow([name, *row])
    write_atomically(path, text.getvalue().encode())


def share_or_none(value: float) -> float | None:
    """Return a share, None for NaN, which JSON lacks."""
    return None if math.isnan(value) else value


def percent(share: float) -> str:
    """Return a share of 0..1 as percentage, '-' for NaN."""
    return '-' if math.isnan(share) else f'{100 * share:.2f}'
