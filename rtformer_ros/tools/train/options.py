# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read what `train` is asked to train."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

from rtformer_ros.errors import ConfigError
from rtformer_ros.tools.command_line import parse_size

# A slip of the keyboard is not to fill the machine with processes or threads.
_RANGES = {'workers': (0, 256), 'threads': (1, 1024), 'seed': (0, math.inf)}


@dataclass(frozen=True)
class TrainOptions:
    """
    What to train, as the command line says it; what is None comes from elsewhere.

    Of a run to be resumed, network, data and recipe come from its folder; else the recipe is that
    of the data set. crop: (height, width) in pixels; set: values of the recipe as name=value.
    """

    dataset: str | None
    root: Path | None
    labels: str | None
    split: str | None
    variant: str | None
    network: str | None
    init: str | None
    qat: str | None
    bits: int | None
    groups: int | None
    output: Path
    resume: bool
    recipe: str | None
    steps: int | None
    epochs: float | None
    batch_size: int | None
    lr: float | None
    crop: tuple[int, int] | None
    precision: str | None
    seed: int | None
    set: tuple[str, ...]
    device: str
    workers: int
    threads: int | None


def parse_train_options(arguments: Sequence[str] | None) -> TrainOptions:
    """Return the options of a command line; raises ConfigError for values that cannot be."""
    parsed = vars(_parser().parse_args(arguments))
    parsed['crop'] = parse_size(parsed['crop'] or '', '--crop', '320x448')
    parsed['set'] = tuple(parsed['set'])
    for name, (least, most) in _RANGES.items():
        value = parsed[name]
        if value is not None and not least <= value <= most:
            expected = f'{least} or more' if value < least else f'{most} or less'
            raise ConfigError(f'--{name} is {value}; expected {expected}')
    epochs = parsed['epochs']
    if epochs is not None and not 0 < epochs < math.inf:
        raise ConfigError(f'--epochs is {epochs:g}; expected a number above 0')
    return TrainOptions(**parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='train',
        description='Train a network. Several processes: torchrun --nproc-per-node N -m '
        'rtformer_ros.tools.train ...',
    )
    _add_subject(parser.add_argument_group('what is trained on what'))
    _add_recipe(parser.add_argument_group('how (each takes precedence over the recipe)'))
    where = parser.add_argument_group('where')
    where.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N')
    where.add_argument('--workers', type=int, default=1, help='processes that make crops')
    where.add_argument('--threads', type=int, help="threads a process; default: PyTorch's choice")
    return parser


def _add_subject(what: Any) -> None:
    what.add_argument(
        '--dataset',
        help='camvid, cityscapes, ade20k, cocostuff or folder; or imagefolder, to classify '
        'images as a whole',
    )
    what.add_argument('--root', type=Path, help='folder of the data set')
    what.add_argument('--labels', help="label file or set; default: the data set's own")
    what.add_argument(
        '--split',
        metavar='FILE',
        help='YAML with lists `train` and `val` of name prefixes or globs (or paths below --root, '
        "with a slash), over the data set's train and val images together; or a packaged one, as "
        'camvid_0001TP (leave that drive out, score on it), camvid_0006R0, camvid_0016E5, '
        'camvid_trainval',
    )
    which = what.add_mutually_exclusive_group()
    which.add_argument(
        '--variant', choices=('slim', 'base'), help='size of RTFormer (default: slim)'
    )
    which.add_argument('--network', help='any network by name, as ddrnet23_slim')
    what.add_argument(
        '--init',
        metavar='WEIGHTS',
        help='weights to start from: .safetensors, .pdparams, .pth, or a name that `models` lists',
    )
    what.add_argument(
        '--qat',
        choices=('layered', 'parallel'),
        help='train quantised weights, from those of --init: layered ones are INT8 of which the '
        'upper 6, 4 and 2 bits are a network, too (quantisation.bits of the recipe); parallel '
        'ones are groups of few bits, in weights and features, of which each computes the whole',
    )
    what.add_argument(
        '--bits', type=int, choices=(2, 4), help='of --qat parallel (default: 4, or the recipe)'
    )
    what.add_argument(
        '--groups', type=int, metavar='G', help='of --qat parallel, 1 to 8 (default: 2, as above)'
    )
    what.add_argument('--output', type=Path, required=True, help='folder of the run')
    what.add_argument('--resume', action='store_true', help='continue the run in --output')


def _add_recipe(how: Any) -> None:
    how.add_argument('--recipe', help="recipe file or name; default: the data set's, or 'default'")
    length = how.add_mutually_exclusive_group()
    length.add_argument('--steps', type=int, help='optimiser steps in all')
    length.add_argument('--epochs', type=float, help='passes over the data in all')
    how.add_argument('--batch-size', type=int, help='images a step, over all processes')
    how.add_argument('--lr', type=float, help='highest learning rate')
    how.add_argument('--crop', metavar='HxW', help='pixels of a training crop, as 320x448')
    how.add_argument('--precision', choices=('auto', 'fp32', 'bf16', 'fp16'))
    how.add_argument('--seed', type=int)
    how.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='any other value of the recipe, as loss.label_smoothing=0.1; may be repeated',
    )
