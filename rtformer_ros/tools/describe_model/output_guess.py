# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Guesses at the output of a model: which one, its kind and layout, and the classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensor_format import is_fraction
from rtformer_ros.errors import listed, ModelError, shown
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.segmentation import UNLABELED_ID
from rtformer_ros.tools.describe_model.input_guess import Guess

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.tools.describe_model.graph_facts import GraphFacts

    NamedOutputs = Mapping[str, npt.NDArray[Any]]

LABEL_SETS = ('camvid', 'cityscapes', 'voc', 'ade20k', 'cocostuff')
"""Packaged label sets, of numbers of classes that differ."""

_AUXILIARY = ('aux', 'loss', 'feature')
_MAIN = ('out', 'output', 'main', 'logits', 'argmax', 'softmax', 'mask', 'pred')
_LEAST_SURE_SUM = 1e-2
_DECIDED = {'ArgMax': 'class_index', 'Softmax': 'probabilities', 'Sigmoid': 'sigmoid'}


def guess_output(outputs: NamedOutputs, facts: GraphFacts, size: tuple[int, int]) -> list[Guess]:
    """
    Return the lines about the output.

    outputs: what the model returned for an image of `size`, (height, width), by name in its
    order. Raises ModelError where none of them can be a picture of classes.
    """
    if _are_our_maps(outputs, size):
        guess = Guess('output', 'class_map_confidence', 'it returns two maps of bytes')
        name = next(iter(outputs))
        of_argmax = facts.classes.get(name, 0)
        return [guess, *_classes(outputs[name], 'class_index', 'nchw', of_argmax)]
    name, why = _choose(outputs, size)
    array = outputs[name]
    guesses = [Guess('output_name', name, why)] if len(outputs) > 1 else []
    layout = _layout(array, size)
    kind = _kind(array, facts.deciders.get(name, ''), layout)
    guesses.append(kind)
    if layout.value != 'nchw' and array.ndim == 4:
        guesses.append(layout)
    guesses += _classes(array, kind.value, layout.value, facts.classes.get(name, 0))
    return guesses


def scale_of(array: npt.NDArray[Any], layout: str, size: tuple[int, int]) -> str:
    """Return in words at what part of the picture's size an output is, '' for the same."""
    height, width = _plane(array, layout)
    if (height, width) == size:
        return ''
    return (
        f'the output is {width}x{height} for a picture of {size[1]}x{size[0]}: it is enlarged '
        'before the decision'
    )


def _are_our_maps(outputs: NamedOutputs, size: tuple[int, int]) -> bool:
    arrays = list(outputs.values())
    return len(arrays) == 2 and all(a.dtype == np.uint8 and a.shape[1:] == size for a in arrays)


def _plane(array: npt.NDArray[Any], layout: str) -> tuple[int, int]:
    if array.ndim == 3:
        return array.shape[1], array.shape[2]
    shape = array.shape[1:3] if layout == 'nhwc' else array.shape[2:]
    return shape[0], shape[1]


def _fits(plane: Sequence[int], size: tuple[int, int]) -> bool:
    """Return whether a plane is a size, or one fraction of it, and no single value."""
    if min(plane) < 2 and min(size) > 1:
        return False
    return is_fraction((plane[0], plane[1]), size)


def _is_picture(array: npt.NDArray[Any], size: tuple[int, int]) -> bool:
    if array.dtype.kind not in 'iuf':
        return False
    if array.ndim == 3:
        return array.shape[1:] == size
    return array.ndim == 4 and (_fits(array.shape[2:], size) or _fits(array.shape[1:3], size))


def _choose(outputs: NamedOutputs, size: tuple[int, int]) -> tuple[str, str]:
    """Return the output that counts and why."""
    fitting = [name for name, array in outputs.items() if _is_picture(array, size)]
    if not fitting:
        found = ', '.join(f'{shown(n)} {a.dtype} {list(a.shape)}' for n, a in outputs.items())
        raise ModelError(
            f'the model returns {found} for {size[1]}x{size[0]} pixels; expected a value, or one '
            'a class, for each pixel or block of pixels: this seems to be no segmentation model'
        )
    if len(fitting) == 1:
        return fitting[0], f'of {listed(outputs)} it alone has the shape of a picture'

    def rank(name: str) -> tuple[bool, int, bool]:
        lowered = name.lower()
        is_main = any(word in lowered for word in _MAIN)
        is_auxiliary = any(word in lowered for word in _AUXILIARY)
        area = np.prod(_plane(outputs[name], _layout(outputs[name], size).value))
        return is_auxiliary, -int(area), not is_main

    best = min(fitting, key=rank)
    return best, (
        f'of {listed(fitting)} it is the largest, the one named so, or the first; the others look '
        'like auxiliary heads'
    )


def _layout(array: npt.NDArray[Any], size: tuple[int, int]) -> Guess:
    shape = list(array.shape)
    if array.ndim == 3:
        return Guess('output_layout', 'nchw', f'{shape} has no channels')
    is_first, is_last = _fits(shape[2:], size), _fits(shape[1:3], size)
    if is_first and is_last:
        # As of one square: fewer classes than pixels a side.
        is_last = shape[3] < shape[1]
        doubt = 'the other order'
        return Guess(
            'output_layout', 'nhwc' if is_last else 'nchw', f'{shape} tells little', doubt
        )
    if is_last:
        return Guess('output_layout', 'nhwc', f'height and width come before channels in {shape}')
    return Guess('output_layout', 'nchw', f'channels come before height and width in {shape}')


def _kind(array: npt.NDArray[Any], decider: str, layout: Guess) -> Guess:
    axis = 3 if layout.value == 'nhwc' else 1
    channels = array.shape[axis] if array.ndim == 4 else 1
    if array.dtype.kind in 'iu':
        return Guess('output', 'class_index', f'it is {array.dtype} {list(array.shape)}')
    if decider in _DECIDED and (decider != 'Softmax' or channels > 1):
        return Guess('output', _DECIDED[decider], f'the last operator is {decider}')
    if channels == 1 and np.array_equal(array, np.rint(array)) and array.max() > 1:
        return Guess('output', 'class_index', 'its values are whole numbers')
    lowest, highest = float(array.min()), float(array.max())
    if lowest < 0 or highest > 1:
        return _logits(channels, decider, lowest, highest)
    spans = f'its values are {lowest:.3g} to {highest:.3g}'
    if channels == 1:
        return Guess('output', 'sigmoid', f'{spans}, in one channel')
    if np.abs(array.sum(axis=axis) - 1).max() < _LEAST_SURE_SUM:
        return Guess('output', 'probabilities', f'{spans} and sum up to 1 over the classes')
    doubt = 'logits where other pictures give values outside 0..1'
    return Guess('output', 'sigmoid', f'{spans} and do not sum up to 1', doubt)


def _logits(channels: int, decider: str, lowest: float, highest: float) -> Guess:
    spans = f'its values are {lowest:.3g} to {highest:.3g}, and the last operator is '
    if channels == 1:
        raise ModelError(
            f'the output has one channel; {spans}{decider or "none"}: it looks like values before '
            'a sigmoid; export the model with a Sigmoid at its end'
        )
    return Guess('output', 'logits', f'{spans}{decider or "none"}')


def _classes(array: npt.NDArray[Any], kind: str, layout: str, of_argmax: int) -> Iterator[Guess]:
    channels = array.shape[3 if layout == 'nhwc' else 1] if array.ndim == 4 else 1
    if kind == 'class_index':
        seen = int(np.clip(np.nan_to_num(array), 0, UNLABELED_ID - 1).max()) + 1
        count, reason = of_argmax, f'the ArgMax chooses among {of_argmax}'
        if not of_argmax:
            count, reason = seen, f'ids up to {seen - 1} were seen'
    else:
        count = 2 if kind == 'sigmoid' and channels == 1 else channels
        reason = 'one sigmoid tells two classes apart' if channels == 1 else f'{count} channels'
    if not 2 <= count <= UNLABELED_ID:
        raise ModelError(
            f'the output seems to tell {count} classes apart ({reason}); expected 2 to '
            f'{UNLABELED_ID}'
        )
    name = next((each for each in LABEL_SETS if len(_labels(each)) == count), '')
    if name:
        doubt = f'another set of {count}; a file of your own, as in config/labels/'
        yield Guess('labels', name, f'{reason}, as many as {name} has', doubt)
    else:
        doubt = 'names without meaning: write those of the training, as in config/labels/'
        generic = LabelSet.generic(count).to_dict()
        yield Guess('labels', generic, f'{reason}, as no packaged label set has', doubt)


def _labels(name: str) -> LabelSet:
    return load_labels(find_labels(name))
