"""Decide which classes the ids of an open model mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.labels import LabelSet

if TYPE_CHECKING:
    from pathlib import Path


def choose_labels(
    model: Path, asked: LabelSet | None, own: LabelSet | None, num_classes: int | None
) -> LabelSet:
    """
    Return the labels asked for, else the model's own, else names without meaning.

    num_classes: how many classes the network tells apart, None where it does not show.
    Raises ConfigError for fewer labels than classes, or where even their number is unknown.
    """
    if num_classes is None and own is not None:
        num_classes = len(own)
    labels = asked or own
    if labels is None:
        if num_classes is None:
            raise ConfigError(
                f'{model} returns class ids, but neither it nor the settings say which classes '
                'they mean; give labels'
            )
        return LabelSet.generic(num_classes)
    if num_classes is not None and len(labels) < num_classes:
        raise ConfigError(
            f"the label set '{labels.name}' has {len(labels)} classes, but {model.name} tells "
            f'{num_classes} apart; give the labels that it was trained with'
        )
    return labels
