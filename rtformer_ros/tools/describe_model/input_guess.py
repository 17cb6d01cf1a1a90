# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Guesses at the input of a model: layout, size, order of the channels and scale of the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError, ModelError, shown

if TYPE_CHECKING:
    from rtformer_ros.engines.tensor_format import ModelTensors
    from rtformer_ros.tools.describe_model.graph_facts import GraphFacts

_SIDE_STEP = 32
_MOST_GUESSED_SIDE = 1024
_MOST_PIXELS = 1 << 26
_USUAL_SIZE = (480, 640)
_IMAGENET: dict[str, Any] = {'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}


@dataclass(frozen=True)
class Guess:
    """
    One line of a sidecar.

    key: 'input.layout', 'output'; value: as YAML takes it; reason: why; doubt: what else it may be
    and how to tell, '' where it is sure.
    """

    key: str
    value: Any
    reason: str
    doubt: str = ''


def guess_input(
    model: ModelTensors, facts: GraphFacts, size: tuple[int, int] | None, *, is_asked: bool
) -> tuple[list[Guess], tuple[int, int]]:
    """
    Return the lines about the input, and the (height, width) to run the model at.

    size: asked for, or that of the picture, else None; is_asked: which of both. Raises ModelError
    for an input that no sidecar describes, ConfigError for a size that the model does not take.
    """
    layout, channels, sides = _layout(model)
    guesses = [layout]
    guesses += _normalisation(layout, channels, facts)
    height, width = _run_size(sides, size, is_asked=is_asked)
    if height * width > _MOST_PIXELS:
        raise ModelError(
            f'the model takes {width} x {height} pixels (width x height); expected at most '
            f'{_MOST_PIXELS} in all'
        )
    if 0 in sides:
        where = 'asked for' if size and is_asked else 'near the picture' if size else 'usual'
        guesses.append(
            Guess(
                'size',
                f'{width}x{height}',
                f'the file leaves height or width open; this one is {where}',
                'the size of the training pictures is best; --size HxW tries another',
            )
        )
    return guesses, (height, width)


def _layout(model: ModelTensors) -> tuple[Guess, int, tuple[int, int]]:
    """Return the layout, the number of channels, and (height, width), 0 where any fits."""
    shape = model.input_shape
    kind = 'uint8' if model.input_dtype == np.uint8 else 'float'
    listing = f'{list(shape)} (0: any)'
    for usual in ((3,), (1,), (4,)):
        is_second, is_last = shape[1] in usual, shape[3] in usual
        if is_second or is_last:
            break
    else:
        if shape[1] and shape[3]:
            raise ModelError(
                f'the input is {listing}; expected 3 channels, or 1 of brightness, second or last'
            )
        doubt = 'nhwc_... where the file comes from TensorFlow; export it with fixed channels'
        return Guess('input.layout', f'nchw_{kind}', f'{listing} tells no channels', doubt), 3, (
            shape[2], shape[3]
        )  # fmt: skip
    if usual == (4,):
        raise ModelError(
            f'the input is {listing}: four channels, as of colour and depth; expected 3, or 1 of '
            'brightness: a camera image has no fourth'
        )
    [channels] = usual
    order, sides = ('nchw', shape[2:]) if is_second else ('nhwc', shape[1:3])
    place = 'second' if is_second else 'last'
    doubt = 'nhwc_... where the last is meant' if is_second and is_last else ''
    reason = f'{channels} stands {place} in {listing}, and elements are {model.input_dtype}'
    return Guess('input.layout', f'{order}_{kind}', reason, doubt), channels, (sides[0], sides[1])


def _normalisation(layout: Guess, channels: int, facts: GraphFacts) -> Iterator[Guess]:
    if channels == 1:
        yield Guess('input.channel_order', 'grey', 'it has one channel')
    elif facts.is_bgr:
        yield Guess('input.channel_order', 'bgr', "the graph takes off Caffe's mean of BGR")
    else:
        yield Guess(
            'input.channel_order',
            'rgb',
            'it is usual',
            'bgr where OpenCV read the training pictures; with the wrong one, blue and red things '
            'are mistaken for others',
        )
    if layout.value.endswith('uint8'):
        return
    if facts.normalisers:
        yield from _own_normalisation(facts)
    else:
        yield from _usual_normalisation(channels, facts.producer)


def _own_normalisation(facts: GraphFacts) -> Iterator[Guess]:
    operators = ', '.join(facts.normalisers[:4])
    reason = f'the graph normalises first itself ({operators})'
    if facts.takes_bytes_range:
        yield Guess('input.scale', 1, f'{reason}, by constants of pixels from 0 to 255')
    else:
        doubt = 'scale: 1 where it takes 0..255; with the wrong one nearly all is one class'
        yield Guess('input.scale', 1 / 255, f'{reason}, by constants of pixels from 0 to 1', doubt)


def _usual_normalisation(channels: int, producer: str) -> Iterator[Guess]:
    named = producer.lower()
    others = 'ImageNet (mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])'
    unit, centred = 'none (mean: 0, std: 1)', 'mean: 0.5, std: 0.5'
    origin = 'the graph does not normalise'
    if producer:
        origin += f', and {shown(producer)} wrote it'
    how = 'the training program says; with a wrong one confidence is low'
    values: dict[str, Any]
    if 'paddle' in named:
        doubt = f"{others} where the recipe's Normalize says so; {how}"
        values, what = {'mean': 0.5, 'std': 0.5}, "PaddleSeg's default"
    elif channels == 1 or 'tf2onnx' in named or 'keras' in named or 'tensorflow' in named:
        doubt = f'{centred}, or {others}; {how}'
        values, what = {'mean': 0, 'std': 1}, 'pixels from 0 to 1'
    else:
        doubt = f'{unit}, or {centred}; {how}'
        values, what = _IMAGENET, "ImageNet's"
    for key, value in values.items():
        yield Guess(f'input.{key}', value, f'{what}: {origin}', doubt if key == 'mean' else '')


def _run_size(
    sides: tuple[int, int], size: tuple[int, int] | None, *, is_asked: bool
) -> tuple[int, int]:
    if size is not None and is_asked:
        if any(own not in (0, wanted) for own, wanted in zip(sides, size, strict=True)):
            raise ConfigError(
                f'--size is {size[0]}x{size[1]}, but the model is made for {sides[0]}x{sides[1]} '
                '(height x width, 0: any); leave --size out'
            )
        return size
    near = size or _USUAL_SIZE
    scale = min(1.0, _MOST_GUESSED_SIDE / max(near))
    height, width = (
        own or max(_SIDE_STEP, round(side * scale / _SIDE_STEP) * _SIDE_STEP)
        for own, side in zip(sides, near, strict=True)
    )
    return height, width
