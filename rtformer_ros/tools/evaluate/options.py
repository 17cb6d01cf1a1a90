"""Options of `evaluate`: what is measured, by what, and where the results go."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.tools.command_line import parse_size

if TYPE_CHECKING:
    from rtformer_ros.training.datasets.open_dataset import Split


@dataclass(frozen=True)
class EvaluateOptions:
    """
    What to measure, as the command line says it.

    labels: '' for the data set's own; size: (height, width) of the network, None for the model's,
    or the first image's; scales: () for the engine's single run; limit: None for all images.
    """

    model: str
    dataset: str
    root: Path
    split: Split
    labels: str
    engine: str
    device: str
    threads: int
    size: tuple[int, int] | None
    scales: tuple[float, ...]
    flip: bool
    limit: int | None
    worst: int
    output: Path | None

    @property
    def averages(self) -> bool:
        """Tell whether the network's logits are asked for, not an engine's class ids."""
        return self.flip or bool(self.scales)


def parse_evaluate_options(arguments: Sequence[str] | None) -> EvaluateOptions:
    """Return the options of a command line; raises ConfigError for values that cannot be."""
    parsed = vars(_parser().parse_args(arguments))
    parsed['size'] = parse_size(parsed['size'])
    parsed['scales'] = _scales(parsed['scales'])
    options = EvaluateOptions(**parsed)
    if options.averages and options.size:
        raise ConfigError('--size is of no use with --flip and --scales: images keep their size')
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='evaluate',
        description='Measure mIoU, IoU by class, pixel accuracy and confusions. By default an '
        'engine runs the model as the node does; --flip and --scales (--scales 1 too) average the '
        "network's logits instead, as papers do, and need its weights.",
    )
    what = parser.add_argument_group('what')
    what.add_argument('--model', required=True, help='.onnx, .safetensors, .pdparams, ...')
    what.add_argument('--dataset', required=True, help='camvid, cityscapes, ade20k, ... or folder')
    what.add_argument('--root', type=Path, required=True, help='folder of the data set')
    what.add_argument('--split', default='val', choices=('train', 'val'))
    what.add_argument('--labels', default='', help="label file or set; default: the data set's own")
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
    how.add_argument('--scales', default='', metavar='S,S,...', help='as 0.5,0.75,1,1.25,1.5,1.75')
    how.add_argument('--flip', action='store_true', help='average with the mirrored image')
    where = parser.add_argument_group('results')
    where.add_argument('--output', type=Path, help='folder for tables and pictures')
    where.add_argument('--worst', type=int, default=8, help='images in the gallery of the worst')
    return parser


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(',')) if text else ()
    except ValueError as error:
        raise ConfigError(f"--scales is '{text}'; expected numbers, as 0.5,0.75,1") from error
