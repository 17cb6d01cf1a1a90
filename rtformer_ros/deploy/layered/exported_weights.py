# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read the weights that a file has for a precision: of an ordinary network, or layered ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args, Literal

from rtformer_ros.deploy.layered.quantised_graph import ConvolutionCodes
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.network.quantisation.bit_planes import odd_codes
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint
from rtformer_ros.network.quantisation.layered_file import load_layered
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import Checkpoint, load_checkpoint
from rtformer_ros.network.weights.weights_file import is_layered

FloatPrecision = Literal['fp32', 'fp16']
WeightPrecision = Literal['fp32', 'fp16', 'int8', 'int6', 'int4', 'int2']


@dataclass(frozen=True)
class ExportedWeights:
    """
    Weights for a graph.

    checkpoint: those of an ordinary network. codes: what becomes of some convolutions, by their
    names; none for weights that are not quantised.
    """

    checkpoint: Checkpoint
    codes: Mapping[str, ConvolutionCodes] = field(default_factory=dict)


def exported_weights(
    path: Path, precision: WeightPrecision, *, families: Families = FAMILIES
) -> ExportedWeights:
    """
    Return what a file of weights holds for a precision.

    fp32 and fp16 are for ordinary weights, the others for layered ones. Raises CheckpointError as
    load_checkpoint does, and where the file is of the other kind; ConfigError for bits that it
    lacks.
    """
    is_float = precision in get_args(FloatPrecision)
    if is_layered(path):
        layered = load_layered(path, families=families)
        if is_float:
            raise CheckpointError(
                f'{path} holds quantised weights, which have no {precision}; give --precision '
                + ' or '.join(f'int{bits}' for bits in layered.widths)
            )
        return _of_layered(path, layered, precision)
    if not is_float:
        raise CheckpointError(
            f'{path} holds weights that were not trained for {precision}: train them with --qat '
            'layered, or export fp32 and calibrate it: build_engine --onnx-only --precision int8'
        )
    return ExportedWeights(load_checkpoint(path, families=families))


def _of_layered(
    path: Path, layered: LayeredCheckpoint, precision: WeightPrecision
) -> ExportedWeights:
    bits = int(precision.removeprefix('int'))
    try:
        checkpoint = layered.at(bits)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error
    codes = {
        name: ConvolutionCodes(odd_codes(layer.codes, bits), layer.input_step)
        for name, layer in layered.layers.items()
    }
    return ExportedWeights(checkpoint, codes)
