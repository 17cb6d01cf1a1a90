# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The input and output tensors of a deserialized plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensor_format import wanted_outputs
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm
from rtformer_ros.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from rtformer_ros.model_metadata import InputFormat, ModelMetadata

# By the names of TensorRT's enumeration: its numbers differ between versions, and its own
# translation to numpy fails in old versions with newer numpys.
_DTYPES: dict[str, np.dtype[Any]] = {
    'FLOAT': np.dtype(np.float32),
    'HALF': np.dtype(np.float16),
    'INT8': np.dtype(np.int8),
    'INT32': np.dtype(np.int32),
    'INT64': np.dtype(np.int64),
    'UINT8': np.dtype(np.uint8),
    'BOOL': np.dtype(np.bool_),
}
# The order in which maps are read; TensorRT does not promise to keep the model's.
_OUR_OUTPUTS = ('class_map', 'confidence')


@dataclass(frozen=True)
class PlanTensors:
    """
    What a plan takes and returns.

    image: its input for one image, at the size that it is run at; profiles: the smallest and the
    largest number of images in one call, each with the profile that takes it; outputs: their
    names, first what is decoded first.
    """

    image: TensorForm
    height: int
    width: int
    profiles: dict[int, int]
    outputs: tuple[str, ...]
    output_dtypes: tuple[np.dtype[Any], ...]

    def image_form(self, batch: int) -> TensorForm:
        """Return the whole input for a number of images."""
        return TensorForm(self.image.name, (batch, *self.image.shape[1:]), self.image.dtype)


def read_tensors(
    trt: Any, plan: Any, metadata: ModelMetadata, network_size: tuple[int, int] | None
) -> PlanTensors:
    """
    Return the tensors of a plan.

    trt: the module tensorrt; plan: its ICudaEngine; metadata: what the model is said to take and
    to return; network_size: (height, width) in pixels for a plan that takes several sizes, instead
    of that in the metadata. Where neither names one, it is the one that the plan is tuned for.
    Raises ModelError for a plan that does not take one batch of images of that form or lacks the
    output that is named, ConfigError for a size that it does not take.
    """
    image, outputs = _names(trt, plan, metadata)
    shape, dtype = tuple(plan.get_tensor_shape(image)), numpy_dtype(plan, image)
    form = metadata.input
    _check_form(form, shape, dtype)
    limits = _limits(plan, image, shape)
    lowest, usual, highest = limits[0]
    rows = slice(1, 3) if form.has_channels_last else slice(2, 4)
    described = metadata.height, metadata.width
    height, width = _size(lowest[rows], usual[rows], highest[rows], network_size, described)
    return PlanTensors(
        TensorForm(image, (1, *form.image_shape((height, width))), dtype),
        height,
        width,
        _profiles(limits),
        outputs,
        tuple(numpy_dtype(plan, name) for name in outputs),
    )


def numpy_dtype(plan: Any, name: str) -> np.dtype[Any]:
    """Return the element type of a tensor; raises ModelError for one that numpy lacks."""
    kind = plan.get_tensor_dtype(name).name
    if kind not in _DTYPES:
        raise ModelError(
            f"the plan's tensor '{name}' is {kind}, which numpy cannot hold; export the model "
            'with FP16 or FP32 inputs and outputs'
        )
    return _DTYPES[kind]


def _names(trt: Any, plan: Any, metadata: ModelMetadata) -> tuple[str, tuple[str, ...]]:
    """Return the name of the input and those of the outputs, first what is decoded first."""
    names = [plan.get_tensor_name(i) for i in range(plan.num_io_tensors)]
    inputs = [n for n in names if plan.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
    outputs = [n for n in names if n not in inputs]
    if set(_OUR_OUTPUTS) == set(outputs):
        outputs = list(_OUR_OUTPUTS)
    if len(inputs) != 1 or len(plan.get_tensor_shape(inputs[0])) != 4 or not outputs:
        raise ModelError(
            f'the plan has the inputs {inputs or "none"} and the outputs {outputs or "none"}; '
            'expected one batch of images with four dimensions, and an output'
        )
    first = wanted_outputs(outputs, metadata)[0]
    return inputs[0], tuple(sorted(outputs, key=lambda name: name != first))


def _check_form(form: InputFormat, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    channels = shape[3 if form.has_channels_last else 1]
    if channels not in (-1, form.channels) or (dtype == np.uint8) != form.takes_bytes:
        raise ModelError(
            f'the plan takes {dtype} {list(shape)} (-1: any size), but is described as '
            f'{form.layout} with {form.channels} channel(s), {form.channel_order}; mend layout or '
            'channel_order in its description'
        )


def _limits(plan: Any, name: str, shape: tuple[int, ...]) -> list[list[tuple[int, ...]]]:
    """Return the smallest, usual and largest shape of an input in each profile."""
    if -1 not in shape:
        return [[shape] * 3]
    return [
        [tuple(each) for each in plan.get_tensor_profile_shape(name, profile)]
        for profile in range(plan.num_optimization_profiles)
    ]


def _profiles(limits: list[list[tuple[int, ...]]]) -> dict[int, int]:
    found: dict[int, int] = {}
    # Of two that take a number of images the narrower one is tuned for it.
    ranges = [(max(low[0], 1), high[0], index) for index, (low, _, high) in enumerate(limits)]
    for low, high, index in sorted(ranges, key=lambda each: each[1] - each[0]):
        found.setdefault(low, index)
        found.setdefault(high, index)
    return {batch: found[batch] for batch in (min(found), max(found))}


def _size(
    lowest: tuple[int, ...],
    usual: tuple[int, ...],
    highest: tuple[int, ...],
    wanted: tuple[int, int] | None,
    described: tuple[int, int],
) -> tuple[int, int]:
    source, (height, width) = ('network_size', wanted) if wanted else ('its size', described)
    height, width = height or usual[0], width or usual[1]
    for low, own, high in zip(lowest, (height, width), highest, strict=True):
        if not low <= own <= high:
            where = 'leave network_size out' if wanted else 'mend size in its description'
            raise ConfigError(
                f'{source} is {(height, width)}, but the plan takes {list(lowest)} to '
                f'{list(highest)} pixels (height, width); {where}'
            )
    return height, width
