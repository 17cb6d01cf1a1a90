# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Conversion between RGB images and class maps on one side, tensors of any model on the other."""

from __future__ import annotations

from typing import Any, Protocol, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.request import fixed_size
from rtformer_ros.errors import ModelError
from rtformer_ros.segmentation import SegmentationBatch, UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import InputFormat, ModelMetadata, OutputKind

_MAX_CONFIDENCE = 255


class ModelInput(Protocol):
    """
    The only input of a model.

    input_shape: its four dimensions, 0 where any size fits. input_dtype: of its elements.
    """

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]


class TensorModel(ModelInput, Protocol):
    """A model that a runtime holds: one tensor goes in, all outputs come out."""

    def run(self, tensor: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return all outputs for one input."""


def input_size(
    model: ModelInput, metadata: ModelMetadata, request: EngineRequest
) -> tuple[int, int]:
    """
    Return (height, width) of a model's input.

    Raises ModelError unless the input is what the metadata say, ConfigError for another size.
    """
    _, *rest = model.input_shape
    is_nhwc = metadata.input.layout == 'nhwc_uint8'
    channels, height, width = (rest[2], *rest[:2]) if is_nhwc else rest
    if channels not in (0, 3) or (model.input_dtype == np.uint8) != is_nhwc:
        raise ModelError(
            f'{request.model} takes {model.input_dtype} {list(model.input_shape)} '
            f'(0: any size), but is described as {metadata.input.layout} with 3 channels; mend '
            'the layout in its description'
        )
    return fixed_size(height or metadata.height, width or metadata.width, request)


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
    return decode_outputs(outputs, metadata.output, size, num_classes)


def run_in_chunks(
    model: TensorModel, metadata: ModelMetadata, images_nhwc: npt.NDArray[np.uint8]
) -> list[npt.NDArray[Any]]:
    """
    Return the outputs for N images, also from a model that is made for another number.

    images_nhwc: uint8 [N, H, W, 3], RGB.
    """
    tensor = encode_images(images_nhwc, metadata.input, model.input_dtype)
    count, chunk = len(tensor), model.input_shape[0] or len(tensor)
    if count == chunk:
        return model.run(tensor)
    padding = -count % chunk
    padded = np.concatenate([tensor, np.repeat(tensor[-1:], padding, axis=0)])
    parts = [model.run(padded[i : i + chunk]) for i in range(0, len(padded), chunk)]
    return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]


def encode_images(
    images_nhwc: npt.NDArray[np.uint8], form: InputFormat, dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """
    Return RGB images, uint8 [N, H, W, 3], as the input tensor of a model, contiguous.

    dtype: element type of an 'nchw_float' input. Images that fit as they are are not copied.
    """
    if form.channel_order == 'bgr':
        images_nhwc = images_nhwc[..., ::-1]
    if form.layout == 'nhwc_uint8':
        return np.ascontiguousarray(images_nhwc)
    mean, std = np.asarray(form.mean), np.asarray(form.std)
    factor, offset = (form.scale / std).astype(np.float32), (mean / std).astype(np.float32)
    scaled_nchw = (images_nhwc * factor - offset).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(scaled_nchw, dtype=dtype)


def decode_outputs(
    outputs: Sequence[npt.NDArray[Any]], kind: OutputKind, size: tuple[int, int], num_classes: int
) -> SegmentationBatch:
    """
    Return class maps and confidences at `size` (height, width) from a model's output tensors.

    num_classes: ids from there on are unlabelled. Class indices carry no probability: their
    confidence is 255. Raises ModelError for outputs that are not of that kind.
    """
    if kind == 'class_map_confidence':
        return _decode_maps(outputs, size)
    if kind == 'logits':
        return _decode_logits(outputs[0], size)
    return _decode_indices(outputs[0], size, num_classes)


def logit_channels(outputs: Sequence[npt.NDArray[Any]], size: tuple[int, int]) -> int:
    """
    Return how many classes logits [N, C, h, w] tell apart.

    size: (height, width) of the input, of which h and w are one fraction. Raises ModelError for no
    logits, with a guess at what they are.
    """
    shape, dtype = outputs[0].shape, outputs[0].dtype
    is_right = len(shape) == 4 and 2 <= shape[1] <= UNLABELED_ID and dtype.kind == 'f'
    if not is_right or not _is_fraction((shape[2], shape[3]), size):
        raise ModelError(
            f'the first output is {dtype} {list(shape)}; logits are expected to be float '
            f'[N, classes, h, w] with 2 to {UNLABELED_ID} classes, where h and w are {size[0]} '
            f'and {size[1]} or one fraction of both{_guess(outputs[0], size)}'
        )
    return shape[1]


def _is_fraction(part: tuple[int, ...], size: tuple[int, int]) -> bool:
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
        fits = _is_fraction(shape[1:], size)
        return '; these look like logits without a batch: add that dimension' if fits else ''
    if 2 <= shape[3] <= UNLABELED_ID and _is_fraction(shape[1:3], size):
        return (
            f'; these look like logits of {shape[3]} classes in the order [N, h, w, classes]: '
            'export them as [N, classes, h, w]'
        )
    if _is_fraction(shape[2:], size):
        if shape[1] == 1:
            return '; one channel looks like a binary mask: export one channel for each class'
        if shape[1] > UNLABELED_ID:
            return '; so many channels look like features: export what follows the last layer'
    if 2 <= shape[1] <= UNLABELED_ID and _is_fraction(shape[:1:-1], size):
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


def _decode_logits(logits_nchw: npt.NDArray[Any], size: tuple[int, int]) -> SegmentationBatch:
    logit_channels([logits_nchw], size)
    count = len(logits_nchw)
    batch = SegmentationBatch(
        np.empty((count, *size), np.uint8), np.empty((count, *size), np.uint8)
    )
    for index, logits_chw in enumerate(logits_nchw):
        logits_hwc = _resized(logits_chw.astype(np.float32).transpose(1, 2, 0), size)
        class_map_hw = logits_hwc.argmax(axis=2)
        highest_hw1 = np.take_along_axis(logits_hwc, class_map_hw[..., np.newaxis], axis=2)
        # The winner's softmax, stable for logits of any size; where they overflowed it is NaN: 0.
        with np.errstate(invalid='ignore'):
            probability_hw = 1 / np.exp(logits_hwc - highest_hw1).sum(axis=2)
        batch.class_map_nhw[index] = class_map_hw
        batch.confidence_nhw[index] = np.rint(np.nan_to_num(probability_hw) * _MAX_CONFIDENCE)
    return batch


def _resized(
    logits_hwc: npt.NDArray[np.float32], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Resize bilinearly with half-pixel centres, as networks do with align_corners=False."""
    if logits_hwc.shape[:2] == size:
        return logits_hwc
    import cv2

    resized = cv2.resize(
        np.ascontiguousarray(logits_hwc), (size[1], size[0]), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(resized, np.float32)


def _decode_indices(
    indices: npt.NDArray[Any], size: tuple[int, int], num_classes: int
) -> SegmentationBatch:
    indices_nhw = indices[:, 0] if indices.ndim == 4 and indices.shape[1] == 1 else indices
    if indices_nhw.dtype.kind not in 'iu' or indices_nhw.shape[1:] != size:
        raise ModelError(
            f'the first output is {indices.dtype} {list(indices.shape)}; class indices are '
            f'expected to be whole numbers [N, {size[0]}, {size[1]}] or [N, 1, ...]'
        )
    is_class = (indices_nhw >= 0) & (indices_nhw < num_classes)
    class_map_nhw = np.where(is_class, indices_nhw, UNLABELED_ID).astype(np.uint8)
    return SegmentationBatch(class_map_nhw, np.full_like(class_map_nhw, _MAX_CONFIDENCE))
