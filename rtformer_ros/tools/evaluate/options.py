# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Options of `evaluate`: what is measured, by what, and where the results go."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_split
from rtformer_ros.tools.class_shares import CLASS_SHARES_HELP
from rtformer_ros.tools.command_line import parse_size
from rtformer_ros.training.datasets.open_dataset import Split
from rtformer_ros.training.datasets.predefined_split import load_split, PredefinedSplit


@dataclass(frozen=True)
class EvaluateOptions:
    """
    What to measure, as the command line says it.

    predefined: what goes into `split`, None for the data set's own; labels: '' for the data set's
    own; size: (height, width) of the network, None for the model's,
    or the first image's; scales: () for the engine's single run; limit: None for all images;
    boundary: whether to score trimaps, too.
    """

    model: str
    dataset: str
    root: Path
    split: Split
    predefined: PredefinedSplit | None
    labels: str
    engine: str
    device: str
    threads: int
    size: tuple[int, int] | None
    scales: tuple[float, ...]
    flip: bool
    prior_tau: float
    class_shares: Path | None
    limit: int | None
    boundary: bool
    worst: int
    output: Path | None

    @property
    def averages(self) -> bool:
        """Tell whether the network's logits are asked for, not an engine's class ids."""
        return self.flip or bool(self.scales) or self.prior_tau != 0


def parse_evaluate_options(arguments: Sequence[str] | None) -> EvaluateOptions:
    """Return the options of a command line; raises ConfigError for values that cannot be."""
    parsed = vars(_parser().parse_args(arguments))
    parsed['split'], parsed['predefined'] = _split(parsed['split'])
    parsed['size'] = parse_size(parsed['size'])
    parsed['scales'] = _scales(parsed['scales'])
    options = EvaluateOptions(**parsed)
    if options.worst < 0:
        raise ConfigError(f'--worst is {options.worst}; expected 0 (no gallery) or more')
    if options.averages and options.size:
        raise ConfigError(
            '--size is of no use with --flip, --scales and --prior-tau: images keep their size'
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='evaluate',
        description='Measure mIoU, IoU by class, pixel accuracy and confusions. By default an '
        'engine runs the model as the node does; --flip, --scales (--scales 1 too) and '
        "--prior-tau work on the network's logits instead, as papers do, and need its weights.",
    )
    what = parser.add_argument_group('what')
    what.add_argument('--model', required=True, help='.onnx, .safetensors, .pdparams, ...')
    what.add_argument(
        '--dataset',
        required=True,
        help='camvid, cityscapes, ade20k, ... or folder; or imagefolder: top-1 and top-5 of a '
        'classifier',
    )
    what.add_argument('--root', type=Path, required=True, help='folder of the data set')
    what.add_argument(
        '--split',
        default='val',
        metavar='val|train|FILE[:train]',
        help='one of the data set, or what a split file (as for `train --split`) has under val, '
        'or under train; or a packaged one, as camvid_0001TP (default: %(default)s)',
    )
    what.add_argument(
        '--labels', default='', help="label file or set; default: the data set's own"
    )
    what.add_argument('--limit', type=int, metavar='N', help='N images only, evenly spaced')
    how = parser.add_argument_group('how')
    how.add_argument('--engine', default='auto', help='engine that runs it (default: auto)')
    how.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N')
    how.add_argument('--threads', type=int, default=0, help='CPU threads; 0 leaves one core free')
    how.add_argument(
        '--size',
        default='',
        metavar='HxW',
        help="pixels of the network's input where the model does not fix them (default: those of "
        'the first image)',
    )
    _add_logits_options(parser.add_argument_group('how, with weights'))
    where = parser.add_argument_group('results')
    where.add_argument(
        '--boundary',
        action='store_true',
        help='also mIoU within 1, 3, 5 and 9 pixels of a border between true classes (trimaps)',
    )
    where.add_argument('--output', type=Path, help='folder for tables and pictures')
    where.add_argument('--worst', type=int, default=8, help='images in the gallery of the worst')
    return parser


def _add_logits_options(group: Any) -> None:
    group.add_argument(
        '--scales', default='', metavar='S,S,...', help='as 0.5,0.75,1,1.25,1.5,1.75'
    )
    group.add_argument('--flip', action='store_true', help='average with the mirrored image')
    group.add_argument(
        '--prior-tau',
        type=float,
        default=0.0,
        metavar='TAU',
        help='multiply the probability of each class by (its share of the training data)^TAU, as '
        '`export --prior-tau` does (default: 0, unchanged)',
    )
    group.add_argument('--class-shares', type=Path, metavar='PATH', help=CLASS_SHARES_HELP)


def _split(text: str) -> tuple[Split, PredefinedSplit | None]:
    if text in get_args(Split):
        return text, None  # type: ignore[return-value]
    name, _, part = text.rpartition(':')
    if name and part in get_args(Split):
        return part, load_split(find_split(name))  # type: ignore[return-value]
    return 'val', load_split(find_split(text))


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(',')) if text else ()
    except ValueError as error:
        raise ConfigError(f"--scales is '{text}'; expected numbers, as 0.5,0.75,1") from error
