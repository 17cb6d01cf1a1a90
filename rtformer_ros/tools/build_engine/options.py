# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Options of `build_engine`: which plan, and which model in another precision before it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, Literal, TYPE_CHECKING

from rtformer_ros.engines import BuildOptions
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import PLAN_SUFFIXES
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.tools.command_line import parse_size

if TYPE_CHECKING:
    from rtformer_ros.training.datasets.open_dataset import Split

Int8Target = Literal['tensorrt', 'tensorrt8', 'cpu']
PlanPrecision = Literal['auto', 'fp16', 'fp32', 'int8']


@dataclass(frozen=True)
class Scoring:
    """A data set to measure a change of precision on; limit: None for all images of the split."""

    dataset: str
    root: Path
    split: Split
    limit: int | None


@dataclass(frozen=True)
class BuildEngineOptions:
    """
    What to make, as the command line says it.

    size: (height, width) in pixels, None for the model's. frame_encoding: of the frames that a
    second plan takes, '' for no such plan. calibration: a folder of images, for INT8, of which at
    most calibration_limit are used. onnx_only: stop at the model in another precision. target: the
    runtimes that an INT8 model is written for. output: the plan's file, or the model's with
    onnx_only; None for the usual places.
    """

    model: str
    precision: PlanPrecision
    build: BuildOptions
    device: str
    frame_encoding: str
    size: tuple[int, int] | None
    output: Path | None
    force: bool
    onnx_only: bool
    target: Int8Target
    calibration: Path | None
    calibration_limit: int
    scoring: Scoring | None


def parse_build_engine_options(arguments: Sequence[str] | None) -> BuildEngineOptions:
    """Return the options of a command line; raises ConfigError for values that cannot be."""
    parsed = _parser().parse_args(arguments)
    _check(parsed)
    scoring = (
        Scoring(parsed.dataset, parsed.root, parsed.split, parsed.limit)
        if parsed.dataset
        else None
    )
    return BuildEngineOptions(
        model=parsed.model,
        precision=parsed.precision,
        build=BuildOptions(parsed.workspace_mib, parsed.optimization_level, parsed.batch),
        device=parsed.device,
        frame_encoding=parsed.frames,
        size=parse_size(parsed.size),
        output=parsed.output,
        force=parsed.force,
        onnx_only=parsed.onnx_only,
        target=parsed.target,
        calibration=parsed.calibration,
        calibration_limit=parsed.calibration_limit,
        scoring=scoring,
    )


def _check(parsed: argparse.Namespace) -> None:
    """Raise ConfigError for options that do not go together."""
    if (parsed.dataset is None) != (parsed.root is None):
        raise ConfigError('--dataset and --root belong together; give both or none')
    if parsed.precision != 'int8' and parsed.calibration:
        raise ConfigError('--calibration is for --precision int8; leave one out or add the other')
    if parsed.onnx_only and parsed.precision == 'fp32':
        raise ConfigError('--onnx-only makes models in FP16 or INT8; choose --precision')
    if parsed.target == 'cpu' and not (parsed.onnx_only and parsed.precision == 'int8'):
        raise ConfigError(
            '--for cpu makes INT8 models for ONNX Runtime and OpenVINO; add --onnx-only '
            '--precision int8'
        )
    if parsed.frames and (parsed.output or parsed.onnx_only):
        raise ConfigError(
            '--frames makes a second plan, which lies in the cache alone; leave --output and '
            '--onnx-only out'
        )
    suffixes = ('.onnx',) if parsed.onnx_only else PLAN_SUFFIXES
    if parsed.output and parsed.output.suffix not in suffixes:
        expected = ' or '.join(suffixes)
        raise ConfigError(f'--output is {parsed.output}; expected a name that ends in {expected}')
    if parsed.calibration_limit < 1:
        raise ConfigError(f'--calibration-limit is {parsed.calibration_limit}; expected 1 or more')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='build_engine',
        description='Compile a model with TensorRT for the GPU of this machine, ahead of the '
        "node's first start, and keep the plan where the node looks for it: under its parameters "
        'build.workspace_mib and build.optimization_level and its number of cameras. '
        'FP16 and INT8 models can be made on any machine (--onnx-only).',
    )
    parser.add_argument('model', metavar='MODEL.onnx', help="a path, or '' for the packaged model")
    _add_plan_options(parser.add_argument_group('plan'))
    _add_model_options(parser.add_argument_group('FP16 and INT8 models'))
    return parser


def _add_plan_options(plan: argparse._ArgumentGroup) -> None:
    usual = BuildOptions()
    plan.add_argument(
        '--precision',
        choices=('auto', 'fp16', 'fp32', 'int8'),
        default='auto',
        help="auto: the file's own if it is FP16 or INT8, else FP16 (default)",
    )
    plan.add_argument(
        '--workspace-mib',
        type=int,
        default=usual.workspace_mib,
        help="the compiler's scratch memory (default: %(default)s)",
    )
    plan.add_argument(
        '--optimization-level',
        type=int,
        default=usual.optimization_level,
        metavar='0..5',
        help='0 builds fast, 5 runs fast (default: %(default)s)',
    )
    plan.add_argument(
        '--batch',
        type=int,
        default=1,
        metavar='N',
        help='largest number of images in one call: one a camera',
    )
    plan.add_argument('--size', default='', metavar='HxW', help='for a model that takes any size')
    plan.add_argument(
        '--frames',
        choices=FRAME_ENCODINGS,
        default='',
        help='also build the plan for frames of that encoding, see the parameter frame_encoding',
    )
    plan.add_argument('--device', default='auto', help='auto, cuda, cuda:N')
    plan.add_argument('--output', type=Path, metavar='FILE', help='a copy of the plan: .engine')
    plan.add_argument('--force', action='store_true', help='build it although it is there')


def _add_model_options(model: argparse._ArgumentGroup) -> None:
    model.add_argument(
        '--onnx-only',
        action='store_true',
        help='make MODEL_fp16.onnx or MODEL_int8.onnx and no plan; needs no GPU',
    )
    model.add_argument(
        '--for',
        dest='target',
        choices=get_args(Int8Target),
        default='tensorrt',
        help='cpu: MODEL_int8_cpu.onnx, in the form that ONNX Runtime and OpenVINO run fast; '
        'tensorrt8: with the rest in FP32, as TensorRT 8 (JetPack 6.0) reads it; '
        'default: %(default)s, in the form for the TensorRT that is here, if any',
    )
    model.add_argument('--calibration', type=Path, metavar='FOLDER', help='images, for INT8')
    model.add_argument(
        '--calibration-limit', type=int, default=100, metavar='N', help='default: 100'
    )
    model.add_argument('--dataset', help='measure mIoU before and after: camvid, ... or folder')
    model.add_argument('--root', type=Path, help='folder of the data set')
    model.add_argument('--split', default='val', choices=('train', 'val'))
    model.add_argument('--limit', type=int, metavar='N', help='N images only, evenly spaced')
