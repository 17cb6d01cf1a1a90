# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
List the models that are known by name, and fetch one.

    python -m rtformer_ros.tools.models
    python -m rtformer_ros.tools.models get rtformer_slim_cityscapes
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.known_models import (
    fetched_model,
    known_models,
    KnownModel,
    models_folder,
    models_list,
)
from rtformer_ros.files.packaged_files import find_labels, share_directories
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.tools.command_line import run_tool
from rtformer_ros.tools.models.fetch import fetch, weights_path

_COLUMNS = ('name', 'classes', 'mIoU %', 'MB', 'here', 'licence')
_OURS = '*'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('models', lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='models',
        description='Without an argument: list the models that are known by name. Nothing is '
        'fetched unless it is asked for with get.',
    )
    parser.add_argument(
        '--list', type=Path, metavar='PATH', help='another list of models, as config/models.yaml'
    )
    commands = parser.add_subparsers(dest='command')
    get = commands.add_parser(
        'get', help='fetch, convert, export and try a model; go on where it was interrupted'
    )
    get.add_argument('name', help='as the list says')
    get.add_argument('--height', type=int, metavar='N', help='pixels of the input (as published)')
    get.add_argument('--width', type=int, metavar='N', help='pixels of the input (as published)')
    get.add_argument(
        '--precision',
        choices=('fp32', 'fp16'),
        default='fp32',
        help='fp16: half the size, for TensorRT (default: %(default)s)',
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    models = known_models(options.list or models_list(share_directories()))
    if options.command is None:
        _print_list(models)
        return 0
    model = next((each for each in models if each.name == options.name), None)
    if model is None:
        names = ', '.join(each.name for each in models)
        raise ConfigError(f"there is no known model '{options.name}'; expected one of: {names}")
    print(fetch(model, _size(options, model), options.precision))
    return 0


def _size(options: argparse.Namespace, model: KnownModel) -> tuple[int, int]:
    """Return (height, width) to export at; raises ConfigError before anything is fetched."""
    for name in ('height', 'width'):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f'--{name} is {value}; expected a number of pixels, 1 or more')
    return (options.height or model.height, options.width or model.width)


def _print_list(models: Sequence[KnownModel]) -> None:
    rows = [_COLUMNS, *(_row(model) for model in models)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    for row in rows:
        print('  '.join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]))
    print('\nmIoU as published; config/models.yaml says how it was measured')
    for protocol in dict.fromkeys(model.protocol for model in models if model.file):
        print(f'{_OURS} not published: {protocol}')
    print(f'fetched models are kept in {models_folder()}; here: the size that the name stands for')


def _row(model: KnownModel) -> tuple[str, ...]:
    return (
        model.name,
        'backbone' if model.is_backbone else _classes(model),
        '-' if model.mean_iou is None else f'{model.mean_iou:.2f}{_OURS if model.file else ""}',
        f'{model.megabytes:g}',
        _presence(model),
        model.licence,
    )


def _classes(model: KnownModel) -> str:
    return f'{len(load_labels(find_labels(model.labels)))} {model.labels}'


def _presence(model: KnownModel) -> str:
    if model.file:
        return 'packaged' if any((s / model.file).is_file() for s in share_directories()) else 'no'
    try:
        fetched = fetched_model(model.name)
    except ConfigError:
        return 'broken'
    if fetched is None or not weights_path(model).is_file():
        return 'no'
    return fetched.model.removeprefix(f'{model.name}_').removesuffix('.onnx') or 'weights'


if __name__ == '__main__':
    sys.exit(main())
