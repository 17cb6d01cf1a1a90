"""Check that a model returns what it is said to return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtformer_ros.engines.class_labels import choose_labels
from rtformer_ros.engines.tensor_format import decode_outputs, logit_channels
from rtformer_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.labels import LabelSet
    from rtformer_ros.model_metadata import ModelMetadata


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
