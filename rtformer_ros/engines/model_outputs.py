# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Labels and outputs of a model: checked against what its description says."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, zip_longest
import logging
from typing import Any, TYPE_CHECKING

from rtformer_ros.engines.tensor_format import class_count, decode_outputs
from rtformer_ros.errors import ConfigError, ModelError, quoted, shown
from rtformer_ros.labels.label_set import LabelSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata


_logger = logging.getLogger(__name__)

_SHOWN_PAIRS = 6
_NAME_CHARACTERS = 24


@dataclass(frozen=True)
class ChosenLabels:
    """Labels of an open model; warning: how they differ from its own, '' where they do not."""

    labels: LabelSet
    warning: str = ''


def choose_labels(
    request: EngineRequest, own: LabelSet | None, num_classes: int | None
) -> ChosenLabels:
    """
    Return the labels asked for, else the model's own, else names without meaning.

    num_classes: how many classes the network tells apart, None where it does not show.
    Raises ConfigError for another number of labels than of classes and for other names than the
    model's own, unless the request overrides them, which is logged (more labels than classes,
    never fewer), and where even the number of classes is unknown.
    """
    model, asked = request.model, request.labels
    if num_classes is None and own is not None:
        num_classes = len(own)
    labels = asked or own
    if labels is None:
        if num_classes is None:
            raise ConfigError(
                f'{model} returns class ids, but neither it nor the settings say which classes '
                'they mean; give labels'
            )
        return ChosenLabels(LabelSet.generic(num_classes))
    beside = _side_by_side(own, labels) if own is not None else ''
    may_differ = request.labels_override and num_classes is not None and len(labels) > num_classes
    if num_classes is not None and len(labels) != num_classes and not may_differ:
        raise ConfigError(
            f'the label set {quoted(labels.name)} has {len(labels)} classes, but {model.name} '
            f'tells {num_classes} apart; give the labels that it was trained with{beside}'
        )
    if own is None or _names(own) == _names(labels) or _has_no_names(own):
        return ChosenLabels(labels)
    warning = f'the label set {quoted(labels.name)} names other classes than {model.name}{beside}'
    if not request.labels_override:
        raise ConfigError(
            f'{warning}; leave labels empty for its own, or set labels_override where they are '
            'meant to differ'
        )
    _logger.warning('labels_override: %s', warning)
    return ChosenLabels(labels, warning)


def _names(labels: LabelSet) -> list[str]:
    return [name.strip().casefold() for name in labels.names]


def _has_no_names(labels: LabelSet) -> bool:
    return labels.names == LabelSet.generic(len(labels)).names


def _side_by_side(own: LabelSet, asked: LabelSet) -> str:
    """Return the classes of both that differ, as text that follows a sentence; '' for none."""
    rows = enumerate(zip_longest(own.names, asked.names, fillvalue='(none)'))
    differing = [
        f'{class_id} {shown(name, _NAME_CHARACTERS)} / {shown(other, _NAME_CHARACTERS)}'
        for class_id, (name, other) in rows
        if name.strip().casefold() != other.strip().casefold()
    ]
    if not differing:
        return ''
    left = len(differing) - _SHOWN_PAIRS
    pairs = ', '.join(islice(differing, _SHOWN_PAIRS)) + (f', {left} more' if left > 0 else '')
    return f" (the model's own / {quoted(asked.name)}: {pairs})"


def check_outputs(
    outputs: Sequence[npt.NDArray[Any]],
    metadata: ModelMetadata,
    size: tuple[int, int],
    request: EngineRequest,
) -> ChosenLabels:
    """
    Return the classes of a model, given what it returned for some image.

    size: (height, width) of its class maps. Raises ModelError for outputs of another kind,
    ConfigError for labels that do not fit.
    """
    try:
        channels = class_count(outputs, metadata.output, size, metadata.output_layout)
        chosen = choose_labels(request, metadata.labels, channels)
        decode_outputs(outputs, metadata.output, size, len(chosen.labels), metadata.output_layout)
    except ModelError as error:
        raise ModelError(
            f'{request.model} is described as returning {metadata.output}: {error}'
        ) from error
    return chosen
