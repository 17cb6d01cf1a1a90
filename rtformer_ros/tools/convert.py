"""
Turn PaddleSeg's weights into ours.

    python -m rtformer_ros.tools.convert model.pdparams model.safetensors --labels cityscapes
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.errors import RtformerError
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import load_labels

if TYPE_CHECKING:
    from rtformer_ros.network.weights.conversion import Conversion


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='convert',
        description='Write the weights of a network, or of a backbone alone for train --init, as '
        'one .safetensors file that says what it is and where it comes from.',
    )
    parser.add_argument('weights', type=Path, help="PaddleSeg's .pdparams, or .safetensors")
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
    options = parser.parse_args(arguments)
    try:
        conversion = _convert(
            options.weights,
            options.output,
            options.labels,
            options.source,
            options.cross_size,
            options.fp16,
        )
    except RtformerError as error:
        print(f'convert: {error}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f'convert: needs {error.name}: python3 -m pip install {error.name}', file=sys.stderr)
        return 1
    print(f'wrote {options.output}: {_summary(conversion)}')
    return 0


def _convert(
    weights: Path, output: Path, labels: str | None, origin: str, cross_size: int | None, half: bool
) -> Conversion:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.network.weights.conversion import convert_weights

    return convert_weights(
        weights,
        output,
        labels=load_labels(find_labels(labels)) if labels else None,
        origin=origin,
        cross_size=cross_size,
        half=half,
    )


def _summary(conversion: Conversion) -> str:
    if conversion.num_classes is None:
        dropped = ', '.join(conversion.dropped) or 'nothing'
        return f'backbone of {conversion.variant}, for train --init; left out: {dropped}'
    labels = conversion.labels
    named = f'labels {labels.name}' if labels else 'no labels (give --labels to name its classes)'
    return f'{conversion.variant}, {conversion.num_classes} classes, {named}'


if __name__ == '__main__':
    sys.exit(main())
