"""
Export a checkpoint to ONNX.

    python -m rtformer_ros.tools.export CHECKPOINT OUTPUT.onnx --height 360 --width 480
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from rtformer_ros.errors import RtformerError
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import ModelMetadata


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='export',
        description='Write a trained network as one ONNX file for images of one size.',
    )
    parser.add_argument('checkpoint', type=Path, help='weights: .safetensors or .pdparams')
    parser.add_argument('output', type=Path, help='file to write, .onnx')
    parser.add_argument('--height', type=int, required=True, help='pixels of the input')
    parser.add_argument('--width', type=int, required=True, help='pixels of the input')
    parser.add_argument('--labels', type=Path, help='label file; default: those in the checkpoint')
    parser.add_argument('--opset', type=int, default=17, help='17 to 20 (default: %(default)s)')
    parser.add_argument(
        '--precision',
        choices=('fp32', 'fp16'),
        default='fp32',
        help='fp16: half the size, for TensorRT (default: %(default)s)',
    )
    arguments = parser.parse_args()
    try:
        metadata = _export(
            arguments.checkpoint,
            arguments.output,
            arguments.height,
            arguments.width,
            arguments.labels,
            arguments.opset,
            arguments.precision,
        )
    except RtformerError as error:
        print(f'export: {error}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f'export: needs {error.name}: python3 -m pip install {error.name}', file=sys.stderr)
        return 1
    classes = len(metadata.labels) if metadata.labels else 0
    print(
        f'wrote {arguments.output}: {metadata.variant}, {metadata.width} x {metadata.height} '
        f'pixels, {classes} classes, {arguments.precision}'
    )
    return 0


def _export(
    checkpoint: Path,
    output: Path,
    height: int,
    width: int,
    labels: Path | None,
    opset: int,
    precision: Literal['fp32', 'fp16'],
) -> ModelMetadata:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.deploy.export import export_onnx

    return export_onnx(
        checkpoint,
        output,
        height,
        width,
        labels=load_labels(labels) if labels else None,
        opset=opset,
        precision=precision,
    )


if __name__ == '__main__':
    sys.exit(main())
