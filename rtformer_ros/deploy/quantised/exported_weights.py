# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read the weights that a file has for a precision: ordinary, layered or of parallel groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args, Literal

from rtformer_ros.deploy.quantised.quantised_graph import ConvolutionCodes
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network.quantisation.bit_planes import odd_codes
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint
from rtformer_ros.network.quantisation.layered_file import load_layered
from rtformer_ros.network.quantisation.parallel.parallel_checkpoint import ParallelCheckpoint
from rtformer_ros.network.quantisation.parallel.parallel_file import load_parallel
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import Checkpoint, load_checkpoint
from rtformer_ros.network.weights.weights_file import quantised_kind

FloatPrecision = Literal['fp32', 'fp16']
WeightPrecision = Literal['fp32', 'fp16', 'int8', 'int6', 'int4', 'int2']
_PRECISIONS: dict[int, WeightPrecision] = {2: 'int2', 4: 'int4'}


@dataclass(frozen=True)
class ExportedWeights:
    """
    Weights for a graph.

    checkpoint: those of an ordinary network. precision: of the weights in the graph. codes: what
    becomes of some convolutions, by their names; none for weights that are not quantised.
    """

    checkpoint: Checkpoint
    precision: WeightPrecision
    codes: Mapping[str, ConvolutionCodes] = field(default_factory=dict)


def exported_weights(
    path: Path, precision: WeightPrecision | None = None, *, families: Families = FAMILIES
) -> ExportedWeights:
    """
    Return what a file of weights holds for a precision.

    fp32 and fp16 are for ordinary weights, the others for quantised ones. None: fp32, or that of
    parallel groups, which have only one. Raises CheckpointError as load_checkpoint does, and where
    the file is of another kind; ConfigError for bits that it lacks.
    """
    match quantised_kind(path):
        case 'layered':
            return _of_layered(path, load_layered(path, families=families), precision)
        case 'parallel':
            return _of_parallel(path, load_parallel(path, families=families), precision)
    precision = precision or 'fp32'
    if precision not in get_args(FloatPrecision):
        raise CheckpointError(
            f'{path} holds weights that were not trained for {precision}: train them with --qat '
            'layered, or export fp32 and calibrate it: build_engine --onnx-only --precision int8'
        )
    return ExportedWeights(load_checkpoint(path, families=families), precision)


def _of_layered(
    path: Path, layered: LayeredCheckpoint, precision: WeightPrecision | None
) -> ExportedWeights:
    if precision is None or precision in get_args(FloatPrecision):
        raise CheckpointError(
            f'{path} holds quantised weights, which have no {precision or "fp32"}; give '
            '--precision ' + ' or '.join(f'int{bits}' for bits in layered.widths)
        )
    bits = int(precision.removeprefix('int'))
    try:
        checkpoint = layered.at(bits)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error
    codes = {
        name: ConvolutionCodes(odd_codes(layer.codes, bits), layer.input_step)
        for name, layer in layered.layers.items()
    }
    return ExportedWeights(checkpoint, precision, codes)


def _of_parallel(
    path: Path, parallel: ParallelCheckpoint, precision: WeightPrecision | None
) -> ExportedWeights:
    own = _PRECISIONS[parallel.precision.bits]
    if precision not in (None, own):
        raise CheckpointError(
            f'{path} holds parallel groups of {parallel.precision.bits} bits, which have no '
            f'{precision}; leave --precision out'
        )
    state, last = parallel.state, (1 << parallel.precision.bits) - 1
    codes = {}
    for name, odd in parallel.codes().items():
        below = int(state[f'{name}.input_below'])
        step = float(state[f'{name}.input_span']) / last
        codes[name] = ConvolutionCodes(odd, step, (-below, last - below))
    return ExportedWeights(replace(parallel, simulates=False), own, codes)
