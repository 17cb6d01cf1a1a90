# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read and write files of parallel groups; see parallel_checkpoint for what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import math
from pathlib import Path
from typing import Any

import numpy as np
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.family import NetworkFamily
from rtformer_ros.network.quantisation.bit_planes import (
    CODE_BITS,
    Codes,
    codes_of,
    plane_bytes,
    planes_of,
)
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from rtformer_ros.network.quantisation.parallel.parallel_checkpoint import (
    ParallelCheckpoint,
    state_of_codes,
)
from rtformer_ros.network.quantisation.parallel.parallel_network import parallelise
from rtformer_ros.network.quantisation.stored_parts import check_part, read_shapes
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import checkpoint_header, checkpoint_of
from rtformer_ros.network.weights.weights_file import (
    PARALLEL,
    read_tensors,
    UNUSED_SUFFIX,
    WeightsFile,
    write_weights,
)
import torch
from torch import Tensor

_FIXED = tuple(state_of_codes('', np.zeros((1, 1, 1, 1), np.int8), CODE_BITS))


def save_parallel(checkpoint: ParallelCheckpoint, path: Path | str) -> None:
    """
    Write weights of parallel groups as .safetensors; the file appears whole or not at all.

    Raises CheckpointError for another suffix, ModelError when it cannot be written.
    """
    precision, tensors, shapes = checkpoint.precision, dict[str, Tensor](), {}
    codes = checkpoint.codes()
    for name, odd in codes.items():
        tensors[f'codes/{name}'] = torch.from_numpy(_packed(odd, precision.bits))
        shapes[name] = list(odd.shape)
    own = {f'{name}{part}' for name in codes for part in _FIXED}
    for key, value in checkpoint.state.items():
        if key not in own:
            tensors[f'weights/{key}'] = value
    described = {'bits': precision.bits, 'groups': precision.groups, 'shapes': shapes}
    write_weights(Path(path), tensors, {**checkpoint_header(checkpoint), PARALLEL: described})


def load_parallel(path: Path | str, *, families: Families = FAMILIES) -> ParallelCheckpoint:
    """
    Read weights of parallel groups, of a network of one of `families`.

    Raises CheckpointError, naming the key at fault, for a file that is missing, broken, of another
    kind or of another network.
    """
    path = Path(path)
    tensors, header = read_tensors(path)
    try:
        precision, shapes = _described(header.get(PARALLEL))
        state = {
            key.removeprefix('weights/'): value
            for key, value in tensors.items()
            if key.startswith('weights/')
        }
        for name, shape in shapes.items():
            odd = _unpacked(tensors, name, shape, precision.bits)
            state.update(state_of_codes(name, odd, precision.bits))
        file, expected = WeightsFile(state, header), partial(_expected, precision)
        checkpoint = checkpoint_of(file, families=families, expected=expected)
        _check_quantisers(state, shapes, precision)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    return ParallelCheckpoint(**vars(checkpoint), precision=precision)


def _described(described: Any) -> tuple[GroupPrecision, dict[str, tuple[int, ...]]]:
    shapes = read_shapes(described, PARALLEL, ('bits', 'groups'))
    return GroupPrecision(described['bits'], described['groups']), shapes


def _expected(
    precision: GroupPrecision, family: NetworkFamily, architecture: Architecture
) -> dict[str, Tensor]:
    """Return tensors without content for all weights of a network with parallel groups."""
    with torch.device('meta'):
        network = family.network(architecture)
        parallelise(network, precision)
    return {k: v for k, v in network.state_dict().items() if not k.endswith(UNUSED_SUFFIX)}


def _packed(odd: Codes, bits: int) -> Any:
    """Return the bits of odd codes; those of bit_planes are the upper ones of signed codes."""
    signed = ((odd.astype(np.int16) - 1) // 2 << (CODE_BITS - bits)).astype(np.int8)
    return planes_of(signed, (bits,))[bits]


def _unpacked(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], bits: int
) -> Codes:
    count, key = math.prod(shape), f'codes/{name}'
    check_part(tensors.get(key), key, (plane_bytes(count, bits, (bits,)),), torch.uint8)
    signed = codes_of({bits: tensors[key].numpy()}, count).reshape(shape)
    return 2 * signed + np.int8(1)


def _check_quantisers(
    state: Mapping[str, Tensor], convolutions: Mapping[str, Any], precision: GroupPrecision
) -> None:
    """Raise CheckpointError for spans and levels that no input can have."""
    last = (1 << precision.bits) - 1
    for name in convolutions:
        span, below = (state[f'{name}.{part}'] for part in ('input_span', 'input_below'))
        if not (span > 0 and 0 <= below < last and below == below.round()):
            raise CheckpointError(
                f"'{name}' quantises a span of {float(span)} with {float(below)} levels below 0; "
                f'expected one above 0, and a whole number from 0 to {last - 1}'
            )
