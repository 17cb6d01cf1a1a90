# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Turn the weights of a reference (PaddleSeg, PaddleClas, DDRNet's authors) into ours.

    python -m rtformer_ros.tools.convert model.pdparams model.safetensors --labels cityscapes
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.tools.command_line import run_tool

if TYPE_CHECKING:
    from rtformer_ros.network.weights.conversion import Conversion


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('convert', lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='convert',
        description='Write the weights of a network, or of a backbone alone for train --init, as '
        'one .safetensors file that says what it is and where it comes from.',
    )
    parser.add_argument('weights', type=Path, help='.pdparams, .pth or .safetensors')
    parser.add_argument('output', type=Path, help='file to write, .safetensors')
    parser.add_argument('--labels', help='label file, or the name of a packaged set (cityscapes)')
    parser.add_argument('--source', default='', metavar='TEXT', help='where the weights come from')
    parser.add_argument(
        '--cross-size',
        type=int,
        metavar='N',
        help='side of the grid of cross-resolution attention (default: as published)',
    )
    parser.add_argument('--fp16', action='store_true', help='store convolutions in half the bytes')
    return parser


def _run(options: argparse.Namespace) -> int:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.network.weights.conversion import convert_weights

    conversion = convert_weights(
        options.weights,
        options.output,
        labels=load_labels(find_labels(options.labels)) if options.labels else None,
        origin=options.source,
        cross_size=options.cross_size,
        half=options.fp16,
    )
    print(f'wrote {options.output}: {_summary(conversion)}')
    return 0


def _summary(conversion: Conversion) -> str:
    network = f'{conversion.title} {conversion.variant}'
    if conversion.num_classes is None:
        dropped = ', '.join(conversion.dropped) or 'nothing'
        return f'backbone of {network}, for train --init; left out: {dropped}'
    if conversion.task == 'classification':
        return f'classifier {network}, {conversion.num_classes} classes, for train --init'
    labels = conversion.labels
    named = f'labels {labels.name}' if labels else 'no labels (give --labels to name its classes)'
    return f'{network}, {conversion.num_classes} classes, {named}'


if __name__ == '__main__':
    sys.exit(main())
