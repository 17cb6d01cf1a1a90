# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Conversion between RGB images and class maps on one side, tensors of any model on the other."""

from __future__ import annotations

from typing import Any, Protocol, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.request import fixed_size
from rtformer_ros.errors import listed, ModelError, shown
from rtformer_ros.segmentation import SegmentationBatch, UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import InputFormat, ModelMetadata, OutputKind, OutputLayout

_MAX_CONFIDENCE = 255
_THRESHOLD = 0.5
# Half precision rounds a softmax by less.
_PROBABILITY_TOLERANCE = 1e-2


class ModelTensors(Protocol):
    """
    What goes into a model, and what comes out.

    input_shape: the four dimensions of its only input, 0 where any size fits. input_dtype: of its
    elements. output_names: in the model's order.
    """

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    output_names: tuple[str, ...]


class TensorModel(ModelTensors, Protocol):
    """A model that a runtime holds: one tensor goes in, outputs come out."""

    def run(self, tensor: npt.NDArray[Any], names: Sequence[str]) -> list[npt.NDArray[Any]]:
        """Return the outputs of these names for one input."""


def input_size(
    model: ModelTensors, metadata: ModelMetadata, request: EngineRequest
) -> tuple[int, int]:
    """
    Return (height, width) of a model's input.

    Raises ModelError unless input and output_name are what the metadata say, ConfigError for
    another size, or none.
    """
    _, *rest = model.input_shape
    form = metadata.input
    channels, height, width = (rest[2], *rest[:2]) if form.has_channels_last else rest
    if channels not in (0, form.channels) or (model.input_dtype == np.uint8) != form.takes_bytes:
        raise ModelError(
            f'{request.model} takes {model.input_dtype} {list(model.input_shape)} '
            f'(0: any size), but is described as {form.layout} with {form.channels} channel(s), '
            f'{form.channel_order}; mend layout or channel_order in its description'
        )
    try:
        wanted_outputs(model.output_names, metadata)
    except ModelError as error:
        raise ModelError(f'{request.model}: {error}') from error
    return fixed_size(height, width, request, (metadata.height, metadata.width))


def wanted_outputs(names: Sequence[str], metadata: ModelMetadata) -> tuple[str, ...]:
    """
    Return which outputs of a model make its class map: the named one, else its first, or both.

    names: of its outputs, in its order. Raises ModelError where there is none of that name.
    """
    if metadata.output == 'class_map_confidence':
        return tuple(names)
    if not metadata.output_name:
        return tuple(names[:1])
    if metadata.output_name not in names:
        raise ModelError(
            f'it is described by output_name: {shown(metadata.output_name)}, but has the outputs '
            f'{listed(names)}; mend output_name in its description'
        )
    return (metadata.output_name,)


def segment_images(
    model: TensorModel,
    metadata: ModelMetadata,
    images_nhwc: npt.NDArray[np.uint8],
    num_classes: int,
) -> SegmentationBatch:
    """
    Return what a model makes of images of its size, uint8 [N, H, W, 3], RGB.

    num_classes: see decode_outputs. Raises ModelError for outputs of another kind than described.
    """
    outputs = run_in_chunks(model, metadata, images_nhwc)
    size = (images_nhwc.shape[1], images_nhwc.shape[2])
    return decode_outputs(outputs, metadata.output, size, num_classes, metadata.output_layout)


def run_in_chunks(
    model: TensorModel, metadata: ModelMetadata, images_nhwc: npt.NDArray[np.uint8]
) -> list[npt.NDArray[Any]]:
    """
    Return the wanted outputs for N images, also from a model that is made for another number.

    images_nhwc: uint8 [N, H, W, 3], RGB. Raises ModelError as wanted_outputs does.
    """
    names = wanted_outputs(model.output_names, metadata)
    tensor = encode_images(images_nhwc, metadata.input, model.input_dtype)
    count, chunk = len(tensor), model.input_shape[0] or len(tensor)
    if count == chunk:
        return model.run(tensor, names)
    padding = -count % chunk
    padded = np.concatenate([tensor, np.repeat(tensor[-1:], padding, axis=0)])
    parts = [model.run(padded[i : i + chunk], names) for i in range(0, len(padded), chunk)]
    return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]


def encode_images(
    images_nhwc: npt.NDArray[np.uint8], form: InputFormat, dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """
    Return RGB images, uint8 [N, H, W, 3], as the input tensor of a model, contiguous.

    dtype: element type of a floating-point input. Images that fit as they are are not copied.
    """
    if form.channel_order == 'bgr':
        images_nhwc = images_nhwc[..., ::-1]
    elif form.channel_order == 'grey':
        images_nhwc = _grey(images_nhwc)
    if form.takes_bytes:
        if form.has_channels_last:
            return np.ascontiguousarray(images_nhwc)
        return np.ascontiguousarray(images_nhwc.transpose(0, 3, 1, 2))
    mean, std = (np.asarray(each[: form.channels]) for each in (form.mean, form.std))
    factor, offset = (form.scale / std).astype(np.float32), (mean / std).astype(np.float32)
    scaled_nhwc = images_nhwc * factor - offset
    scaled = scaled_nhwc if form.has_channels_last else scaled_nhwc.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(scaled, dtype=dtype)


def _grey(images_nhwc: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return brightness, uint8 [N, H, W, 1], as ITU-R BT.601 weighs red, green and blue."""
    import cv2

    grey = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in images_nhwc]
    return np.stack(grey).astype(np.uint8, copy=False)[..., np.newaxis]


def decode_outputs(
    outputs: Sequence[npt.NDArray[Any]],
    kind: OutputKind,
    size: tuple[int, int],
    num_classes: int,
    layout: OutputLayout = 'nchw',
) -> SegmentationBatch:
    """
    Return class maps and confidences at `size` (height, width) from a model's output tensors.

    num_classes: ids from there on are unlabelled. Class indices carry no probability: their
    confidence is 255. layout: where the first output has its channels. Raises ModelError for
    outputs that are not of that kind.
    """
    if kind == 'class_map_confidence':
        return _decode_maps(outputs, size)
    if kind == 'class_index':
        return _decode_indices(outputs[0], size, num_classes, layout)
    _check_scores(outputs[0], kind, size, layout)
    return _decode_scores(_channels_first(outputs[0], layout), kind, size)


def class_count(
    outputs: Sequence[npt.NDArray[Any]],
    kind: OutputKind,
    size: tuple[int, int],
    layout: OutputLayout = 'nchw',
) -> int | None:
    """
    Return how many classes a model's outputs tell apart, None where that does not show.

    size: (height, width) of the input. Raises ModelError for what is not of that kind: with a
    guess at what it is where logits are expected, and for values outside 0..1 where probabilities
    are.
    """
    if kind == 'class_index':
        _check_whole(outputs[0])
    if kind in ('class_map_confidence', 'class_index'):
        return None
    channels = _check_scores(outputs[0], kind, size, layout)
    if kind != 'logits':
        lowest, highest = float(outputs[0].min()), float(outputs[0].max())
        if lowest < -_PROBABILITY_TOLERANCE or highest > 1 + _PROBABILITY_TOLERANCE:
            raise ModelError(
                f'the first output has values from {lowest:.3g} to {highest:.3g}; {kind} are '
                'expected from 0 to 1: for values before a softmax, describe the output as '
                'logits; a sigmoid must be in the model'
            )
    return 2 if channels == 1 else channels


def _check_scores(
    output: npt.NDArray[Any], kind: OutputKind, size: tuple[int, int], layout: OutputLayout
) -> int:
    """Return the channels of an output that has one or more for each pixel."""
    least = 1 if kind == 'sigmoid' else 2
    shape = _channels_first(output, layout).shape
    is_right = len(shape) == 4 and least <= shape[1] <= UNLABELED_ID and output.dtype.kind == 'f'
    if not is_right or not is_fraction((shape[2], shape[3]), size):
        order = '[N, classes, h, w]' if layout == 'nchw' else '[N, h, w, classes]'
        guess = _guess(output, size) if kind == 'logits' and layout == 'nchw' else ''
        raise ModelError(
            f'the first output is {output.dtype} {list(output.shape)}; {kind} are expected to be '
            f'float {order} with {least} to {UNLABELED_ID} classes, where h and w are {size[0]} '
            f'and {size[1]} or one fraction of both{guess}'
        )
    return shape[1]


def _channels_first(output: npt.NDArray[Any], layout: OutputLayout) -> npt.NDArray[Any]:
    return output.transpose(0, 3, 1, 2) if layout == 'nhwc' and output.ndim == 4 else output


def is_fraction(part: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Return whether both sides are the same fraction or multiple of a size, but for rounding."""
    if min(part) < 1:
        return False
    smaller, larger = (size, part) if part[0] > size[0] or part[1] > size[1] else (part, size)
    # By the longer side, of which rounding takes least.
    place = larger.index(max(larger))
    divisor = max(1, round(larger[place] / smaller[place]))
    return all(abs(a - b / divisor) < 1 for a, b in zip(smaller, larger, strict=True))


def _guess(output: npt.NDArray[Any], size: tuple[int, int]) -> str:
    """Return what an output may be that its model calls logits, '' for no idea."""
    shape, is_whole = output.shape, output.dtype.kind in 'iu'
    if is_whole and size in (shape[-2:], shape[1:3]):
        return '; these look like class indices: describe the output as class_index'
    if is_whole or len(shape) not in (3, 4):
        return ''
    if len(shape) == 3:
        fits = is_fraction(shape[1:], size)
        return '; these look like logits without a batch: add that dimension' if fits else ''
    if 2 <= shape[3] <= UNLABELED_ID and is_fraction(shape[1:3], size):
        return (
            f'; these look like logits of {shape[3]} classes in the order [N, h, w, classes]: '
            'describe them by output_layout: nhwc'
        )
    if is_fraction(shape[2:], size):
        if shape[1] == 1:
            return '; one channel looks like a binary mask: describe it as sigmoid'
        if shape[1] > UNLABELED_ID:
            return '; so many channels look like features: export what follows the last layer'
    if 2 <= shape[1] <= UNLABELED_ID and is_fraction(shape[:1:-1], size):
        return '; height and width look exchanged: export [N, classes, h, w]'
    return ''


def _decode_maps(outputs: Sequence[npt.NDArray[Any]], size: tuple[int, int]) -> SegmentationBatch:
    fitting = [o for o in outputs if o.dtype == np.uint8 and o.shape[1:] == size]
    if len(outputs) != 2 or len(fitting) != 2:
        found = ', '.join(f'{o.dtype} {list(o.shape)}' for o in outputs)
        raise ModelError(
            f'the outputs are {found}; expected two of uint8 [N, {size[0]}, {size[1]}]'
        )
    return SegmentationBatch(fitting[0], fitting[1])


def _decode_indices(
    indices: npt.NDArray[Any], size: tuple[int, int], num_classes: int, layout: OutputLayout
) -> SegmentationBatch:
    ordered = _channels_first(indices, layout)
    indices_nhw = ordered[:, 0] if ordered.ndim == 4 and ordered.shape[1] == 1 else ordered
    if indices.dtype.kind not in 'iuf' or indices_nhw.shape[1:] != size:
        raise ModelError(
            f'the first output is {indices.dtype} {list(indices.shape)}; class indices are '
            f'expected to be whole numbers [N, {size[0]}, {size[1]}] or [N, 1, ...]'
        )
    is_class = (indices_nhw >= 0) & (indices_nhw < num_classes)
    if indices.dtype.kind == 'f':
        # What is no whole number, NaN too, is no class; that shows with some pictures alone.
        is_class &= indices_nhw == np.rint(indices_nhw)
    class_map_nhw = np.where(is_class, indices_nhw, UNLABELED_ID).astype(np.uint8)
    return SegmentationBatch(class_map_nhw, np.full_like(class_map_nhw, _MAX_CONFIDENCE))


def _check_whole(indices: npt.NDArray[Any]) -> None:
    if indices.dtype.kind == 'f' and not np.array_equal(indices, np.rint(indices)):
        raise ModelError(
            f'the first output is {indices.dtype} {list(indices.shape)}; class indices are '
            'expected to be whole numbers, and it has fractions: describe it by another output '
            '(logits, probabilities, sigmoid)'
        )


def _decode_scores(
    scores_nchw: npt.NDArray[Any], kind: OutputKind, size: tuple[int, int]
) -> SegmentationBatch:
    """
    Return class maps and confidences at `size` (height, width), to which scores are resized.

    scores_nchw: float [N, classes, h, w]. kind: 'logits' go through a softmax; 'probabilities' are
    taken as they are; of 'sigmoid', one channel is the probability of the second of two classes,
    which wins from 0.5, and of several the highest wins from 0.5, below which a pixel is
    unlabelled. Confidence is the winner's probability, 0..255, and 0 where that is no number.
    """
    count = len(scores_nchw)
    batch = SegmentationBatch(
        np.empty((count, *size), np.uint8), np.empty((count, *size), np.uint8)
    )
    for index, scores_chw in enumerate(scores_nchw):
        scores_hwc = _resized(scores_chw.astype(np.float32).transpose(1, 2, 0), size)
        class_map_hw, probability_hw = _decide(scores_hwc, kind)
        bounded_hw = np.clip(np.nan_to_num(probability_hw), 0, 1)
        batch.class_map_nhw[index] = class_map_hw
        batch.confidence_nhw[index] = np.rint(bounded_hw * _MAX_CONFIDENCE)
    return batch


def _decide(
    scores_hwc: npt.NDArray[np.float32], kind: OutputKind
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Return the winner of each pixel and its probability."""
    if scores_hwc.shape[2] == 1:
        second_hw = scores_hwc[..., 0]
        is_second_hw = second_hw >= _THRESHOLD
        return is_second_hw, np.where(is_second_hw, second_hw, 1 - second_hw)
    class_map_hw = scores_hwc.argmax(axis=2)
    highest_hw1 = np.take_along_axis(scores_hwc, class_map_hw[..., np.newaxis], axis=2)
    if kind == 'logits':
        # Stable for logits of any size; where they overflowed it is NaN.
        with np.errstate(invalid='ignore'):
            return class_map_hw, 1 / np.exp(scores_hwc - highest_hw1).sum(axis=2)
    highest_hw = highest_hw1[..., 0]
    if kind == 'sigmoid':
        class_map_hw = np.where(highest_hw >= _THRESHOLD, class_map_hw, UNLABELED_ID)
    return class_map_hw, highest_hw


def _resized(
    scores_hwc: npt.NDArray[np.float32], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Resize bilinearly with half-pixel centres, as networks do with align_corners=False."""
    if scores_hwc.shape[:2] == size:
        return scores_hwc
    import cv2

    resized = cv2.resize(
        np.ascontiguousarray(scores_hwc), (size[1], size[0]), interpolation=cv2.INTER_LINEAR
    )
    # OpenCV drops a single channel.
    return np.asarray(resized, np.float32).reshape(*size, -1)
