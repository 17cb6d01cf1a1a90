# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read and write files of layered weights; see layered_checkpoint for what they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
import math
from pathlib import Path
from typing import Any

from rtformer_ros.errors import CheckpointError, ConfigError, quoted
from rtformer_ros.network.quantisation.bit_planes import (
    BIT_WIDTHS,
    CODE_BITS,
    codes_of,
    plane_bytes,
    planes_of,
    signs_of,
)
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint, LayeredWeights
from rtformer_ros.network.quantisation.stored_parts import check_part, read_shapes
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import checkpoint_header, checkpoint_of
from rtformer_ros.network.weights.weights_file import (
    LAYERED,
    read_tensors,
    WeightsFile,
    write_weights,
)
import torch
from torch import Tensor


def save_layered(checkpoint: LayeredCheckpoint, path: Path | str) -> None:
    """
    Write layered weights as .safetensors; the file appears whole or not at all.

    Raises CheckpointError for another suffix, ModelError when it cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, layer in checkpoint.layers.items():
        stored = layer.codes * signs_of(layer.codes.shape)
        for bits, plane in planes_of(stored, checkpoint.widths).items():
            tensors[f'planes/{name}/b{bits}'] = torch.from_numpy(plane)
        tensors[f'steps/{name}/weight'] = layer.steps
        tensors[f'steps/{name}/input'] = torch.tensor(layer.input_step)
    for bits, values in checkpoint.statistics.items():
        tensors.update({f'norms/b{bits}/{key}': value for key, value in values.items()})
    own = {f'{name}.weight' for name in checkpoint.layers} | checkpoint.statistics[
        CODE_BITS
    ].keys()
    for key, value in checkpoint.whole.state.items():
        if key not in own:
            tensors[f'weights/{key}'] = value
    shapes = {name: list(layer.codes.shape) for name, layer in checkpoint.layers.items()}
    header = {
        **checkpoint_header(checkpoint.whole),
        LAYERED: {'bits': list(checkpoint.widths), 'shapes': shapes},
    }
    write_weights(Path(path), tensors, header)


def load_layered(path: Path | str, *, families: Families = FAMILIES) -> LayeredCheckpoint:
    """
    Read layered weights of a network of one of `families`.

    Raises CheckpointError, naming the key at fault, for a file that is missing, broken, of another
    kind or of another network.
    """
    path = Path(path)
    tensors, header = read_tensors(path)
    try:
        widths, shapes = _described(header.get(LAYERED))
        groups = _grouped(tensors)
        layers = {name: _layer(groups, name, shape, widths) for name, shape in shapes.items()}
        statistics = {bits: groups[f'norms/b{bits}'] for bits in widths}
        weights = {f'{name}.weight': layer.at(CODE_BITS) for name, layer in layers.items()}
        state = {**groups['weights'], **statistics[CODE_BITS], **weights}
        whole = checkpoint_of(WeightsFile(state, header), families=families)
        _check_statistics(statistics)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    return LayeredCheckpoint(whole, layers, statistics)


def _described(described: Any) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """Return the precisions and the shape of each convolution's weights that a header names."""
    shapes = read_shapes(described, LAYERED, ('bits',))
    try:
        widths = tuple(described['bits'])
    except TypeError as error:
        raise CheckpointError(
            f"its header's '{LAYERED}' names no bits: {quoted(described['bits'])}"
        ) from error
    if not set(widths) <= {*BIT_WIDTHS} or CODE_BITS not in widths:
        raise CheckpointError(
            f'its header names the precisions {quoted(widths)}; expected {CODE_BITS} and some of '
            f'{", ".join(map(str, BIT_WIDTHS))}'
        )
    return widths, shapes


def _grouped(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return tensors by what stands before the last part of their name, and by that part."""
    groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        group, _, name = key.rpartition('/')
        groups[group][name] = tensor
    return groups


def _layer(
    groups: Mapping[str, Mapping[str, Tensor]],
    name: str,
    shape: tuple[int, ...],
    widths: tuple[int, ...],
) -> LayeredWeights:
    count = math.prod(shape)
    planes, steps = groups[f'planes/{name}'], groups[f'steps/{name}']
    expected: dict[str, tuple[int, ...]] = {
        f'b{bits}': (plane_bytes(count, bits, widths),) for bits in widths
    }
    _check_parts(planes, expected, f'planes/{name}', torch.uint8)
    _check_parts(steps, {'weight': (shape[0],), 'input': ()}, f'steps/{name}', torch.float32)
    if not all(bool((step.isfinite() & (step > 0)).all()) for step in steps.values()):
        raise CheckpointError(f"'steps/{name}' holds a step that is not above 0")
    stored = codes_of({bits: planes[f'b{bits}'].numpy() for bits in widths}, count)
    if stored.min() == -1 << (CODE_BITS - 1):
        raise CheckpointError(f"'planes/{name}' holds the code -128; expected -127 to 127")
    codes = stored.reshape(shape) * signs_of(shape)
    return LayeredWeights(codes, steps['weight'], float(steps['input']))


def _check_parts(
    parts: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    group: str,
    dtype: torch.dtype,
) -> None:
    for part, shape in expected.items():
        check_part(parts.get(part), f'{group}/{part}', shape, dtype)


def _check_statistics(statistics: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Raise CheckpointError unless each precision has those of 8 bits, which fit the network."""
    expected = statistics[CODE_BITS]
    for bits, values in statistics.items():
        shapes = {key: tuple(value.shape) for key, value in expected.items()}
        _check_parts(values, shapes, f'norms/b{bits}', torch.float32)
        if values.keys() != expected.keys():
            raise CheckpointError(f"'norms/b{bits}' has statistics that the network lacks")
