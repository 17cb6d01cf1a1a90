"""Write scores down, for people and for programmes."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rtformer_ros import __version__
from rtformer_ros.evaluation.evaluation import Evaluation
from rtformer_ros.evaluation.protocol import Protocol
from rtformer_ros.network.atomic_file import write_atomically


def class_table(evaluation: Evaluation) -> str:
    """Return the IoU of each class, its share of the true pixels, and the scores over all."""
    scores, labels = evaluation.scores, evaluation.dataset.labels
    pixels = scores.confusion.sum(axis=1)
    width = max(len('pixel accuracy'), *(len(name) for name in labels.names))
    lines = [f'{"id":>3}  {"class":{width}}  {"IoU %":>6}  {"pixels %":>8}']
    for class_id, name in enumerate(labels.names):
        share = pixels[class_id] / max(1, pixels.sum())
        lines.append(
            f'{class_id:3}  {name:{width}}  {_percent(float(scores.iou[class_id])):>6}  '
            f'{100 * share:8.2f}'
        )
    lines.append(f'     {"mIoU":{width}}  {_percent(scores.mean_iou):>6}')
    lines.append(f'     {"pixel accuracy":{width}}  {_percent(scores.pixel_accuracy):>6}')
    return '\n'.join(lines)


def write_confusion_csv(evaluation: Evaluation, path: Path) -> None:
    """Write the pixels of each true class (rows) that were taken for each class (columns)."""
    names = evaluation.dataset.labels.names
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['true \\ predicted', *names])
    for name, row in zip(names, evaluation.scores.confusion.tolist(), strict=True):
        writer.writerow([name, *row])
    write_atomically(path, text.getvalue().encode())


def write_results(evaluation: Evaluation, protocol: Protocol, path: Path) -> None:
    """Write protocol and scores as JSON; what is not a number becomes null."""
    write_atomically(path, (json.dumps(results(evaluation, protocol), indent=2) + '\n').encode())


def results(evaluation: Evaluation, protocol: Protocol) -> dict[str, Any]:
    """Return protocol and scores as plain data; shares are 0..1."""
    scores, labels = evaluation.scores, evaluation.dataset.labels
    pixels = scores.confusion.sum(axis=1).tolist()
    return {
        'rtformer_ros': __version__,
        'protocol': asdict(protocol),
        'mean_iou': _number(scores.mean_iou),
        'pixel_accuracy': _number(scores.pixel_accuracy),
        'classes': [
            {'id': i, 'name': name, 'iou': _number(float(scores.iou[i])), 'pixels': pixels[i]}
            for i, name in enumerate(labels.names)
        ],
        'images': [
            {
                'image': image.sample.image.name,
                'mean_iou': _number(image.mean_iou),
                'pixel_accuracy': _number(image.pixel_accuracy),
            }
            for image in evaluation.images
        ],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _percent(share: float) -> str:
    return '-' if math.isnan(share) else f'{100 * share:.2f}'
