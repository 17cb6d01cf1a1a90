"""Say how scores were measured, so that they can be compared and measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from rtformer_ros.training.datasets.dataset import IGNORED, Dataset

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
    """Return what to call `input` and `output` where an engine runs as in the node."""
    return (
        f'stretched to {height} x {width} pixels (height x width; bilinear, areas averaged where '
        'both sides at least halve), as the node does',
        'class ids brought to the size of the label, nearest pixel, as the node does',
    )


def averaging_steps(scales: Sequence[float], *, flip: bool) -> tuple[str, str]:
    """Return what to call `input` and `output` where an AveragedNetwork runs."""
    sizes = ', '.join(f'{scale:g}' for scale in scales)
    mirrored = ', each also mirrored' if flip else ''
    is_plain = tuple(scales) == (1.0,) and not flip
    output = 'logits brought to the size of the label (bilinear), '
    return (
        f'at their own size times {sizes} (bilinear){mirrored}',
        output + ('winner' if is_plain else 'softmax, mean, winner'),
    )


def described_data(dataset: Dataset, total: int) -> str:
    """Return what to call `data` for a data set that had `total` samples before any limit."""
    chosen = len(dataset.samples)
    if chosen == total:
        return f'{dataset.name}, {total} images'
    return f'{dataset.name}, {chosen} of {total} images, evenly spaced'


def described_ignored(dataset: Dataset) -> str:
    """Return what to call `ignored` for a data set."""
    ids = np.flatnonzero(dataset.id_table == IGNORED)
    if len(ids) > _MOST_LISTED_IDS:
        return f'the {len(ids)} ids of the label files that are no class'
    return f'id(s) {", ".join(map(str, ids))} of the label files'
