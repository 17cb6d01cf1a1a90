# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Variants of a model that TensorRT compiles, each measured in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtformer_ros.engines import EnginePrecision
from rtformer_ros.engines.bundled_images import bundled_paths
from rtformer_ros.engines.reduced_precision.int8_file import TENSORRT_ENDING
from rtformer_ros.engines.tensorrt.bindings import is_strongly_typed, load_tensorrt
from rtformer_ros.engines.tensorrt.build.verification import LEAST_AGREEMENT
from rtformer_ros.tools.build_engine.precision_change import write_in_form


@dataclass(frozen=True)
class WrittenModel:
    """
    A file that holds a variant of a model, and what is to be known of it.

    compared_with: the model that ONNX Runtime runs for comparison, which takes images of the same
    size; None for the one that this was made from.
    """

    path: Path
    note: str = ''
    compared_with: Path | None = None


@dataclass(frozen=True)
class Variant:
    """
    A variant of a model.

    name: for people; precision: what the engine is asked for; plan_precision: what the plan is to
    be in; least_agreement: with the model itself on ONNX Runtime, a share of the pixels, 0..1.
    write: puts the variant of a model into a folder; raises what comes of a model that has none.
    """

    name: str
    precision: EnginePrecision
    plan_precision: str
    least_agreement: float
    write: Callable[[Path, Path], WrittenModel]


def _as_it_is(model: Path, folder: Path) -> WrittenModel:
    del folder
    return WrittenModel(model)


def _int8(model: Path, folder: Path) -> WrittenModel:
    """Write the INT8 form that this TensorRT reads, calibrated on the bundled pictures."""
    typed = is_strongly_typed(load_tensorrt())
    pictures = bundled_paths()
    path = folder / f'{model.stem}_{TENSORRT_ENDING}.onnx'
    write_in_form(model, path, 'int8', pictures, rest='fp16' if typed else 'fp32')
    note = (
        f'calibrated on the {len(pictures)} pictures that it is compared on: its agreement is not '
        'its accuracy; for use calibrate with pictures of your own (build_engine --calibration)'
    )
    return WrittenModel(path, note)


VARIANTS = {
    each.name: each
    for each in (
        Variant('FP16', 'fp16', 'fp16', LEAST_AGREEMENT['fp16'], _as_it_is),
        Variant('FP32', 'fp32', 'fp32', LEAST_AGREEMENT['fp32'], _as_it_is),
        # A model in INT8 carries its precision.
        Variant('INT8', 'auto', 'int8', LEAST_AGREEMENT['int8'], _int8),
    )
}
"""All variants by name; a row here and its name in a Scope is all that another one needs."""
