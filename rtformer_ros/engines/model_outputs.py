"""Labels and outputs of a model: checked against what its description says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtformer_ros.engines.tensor_format import decode_outputs, logit_channels
from rtformer_ros.errors import ConfigError, ModelError, quoted
from rtformer_ros.labels.label_set import LabelSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.labels.label_set import LabelSet
    from rtformer_ros.model_metadata import ModelMetadata


def choose_labels(
    model: Path, asked: LabelSet | None, own: LabelSet | None, num_classes: int | None
) -> LabelSet:
    """
    Return the labels asked for, else the model's own, else names without meaning.

    num_classes: how many classes the network tells apart, None where it does not show.
    Raises ConfigError for another number of labels than of classes, or where neither is known.
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
    if num_classes is not None and len(labels) != num_classes:
        raise ConfigError(
            f'the label set {quoted(labels.name)} has {len(labels)} classes, but {model.name} '
            f'tells {num_classes} apart; give the labels that it was trained with'
        )
    return labels


def check_outputs(
    outputs: Sequence[npt.NDArray[Any]],
    metadata: ModelMetadata,
    size: tuple[int, int],
    request: EngineRequest,
) -> LabelSet:
    """
    Return the classes of a model, given what it returned for some image.

    size: (height, width) of its class maps. Raises ModelError for outputs of another kind,
    ConfigError for labels that do not fit.
    """
    try:
        channels = logit_channels(outputs) if metadata.output == 'logits' else None
        labels = choose_labels(request.model, request.labels, metadata.labels, channels)
        decode_outputs(outputs, metadata.output, size, len(labels))
    except ModelError as error:
        raise ModelError(
            f'{request.model} is described as returning {metadata.output}: {error}'
        ) from error
    return labels
