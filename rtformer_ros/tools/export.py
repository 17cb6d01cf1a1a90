# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Export a checkpoint to ONNX.

    python -m rtformer_ros.tools.export CHECKPOINT OUTPUT.onnx --height 360 --width 480
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys

from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_labels, find_weights
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.tools.class_shares import CLASS_SHARES_HELP, read_class_shares
from rtformer_ros.tools.command_line import run_tool


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args()
    return run_tool('export', lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    metadata, precision = _export(arguments)
    classes = len(metadata.labels) if metadata.labels else 0
    print(
        f'wrote {arguments.output}: {metadata.variant}, {metadata.width} x {metadata.height} '
        f'pixels, {classes} classes, {precision}'
    )
    if arguments.frame_input:
        for path in _write_frame_graphs(arguments.output, arguments.frame_input):
            print(f'wrote {path}: frames of {arguments.frame_input}')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='export',
        description='Write a trained network as one ONNX file for images of one size.',
    )
    parser.add_argument(
        'checkpoint',
        help='weights: .safetensors, .pdparams or .pth, or the name of packaged or fetched ones',
    )
    parser.add_argument('output', type=Path, help='file to write, .onnx')
    parser.add_argument('--height', type=int, required=True, help='pixels of the input')
    parser.add_argument('--width', type=int, required=True, help='pixels of the input')
    parser.add_argument('--labels', help='label file or set; default: those in the checkpoint')
    parser.add_argument('--opset', type=int, default=17, help='17 to 20 (default: %(default)s)')
    parser.add_argument(
        '--precision',
        choices=('fp32', 'fp16', 'int8', 'int6', 'int4', 'int2'),
        help='fp16: half the size, for TensorRT; int8 and lower: of weights that were trained '
        "with 'train --qat layered' (default: fp32, or the only one that weights of 'train --qat "
        "parallel' have)",
    )
    parser.add_argument(
        '--prior-tau',
        type=float,
        default=0.0,
        metavar='TAU',
        help='multiply the probability of each class by (its share of the training data)^TAU, in '
        'the bias of the last layer: predicts rare classes less often, which training that weighs '
        'them up predicts too often; about 0.3, chosen on images that were not trained on '
        '(default: 0, unchanged)',
    )
    parser.add_argument('--class-shares', type=Path, metavar='PATH', help=CLASS_SHARES_HELP)
    parser.add_argument(
        '--frame-input',
        choices=FRAME_ENCODINGS,
        metavar='ENCODING',
        help='also write OUTPUT_frame.onnx, which takes frames of that encoding as they come and '
        'returns masks of any size, and OUTPUT_color_mask.onnx and OUTPUT_overlay.onnx, which '
        f'draw; one of {", ".join(FRAME_ENCODINGS)}',
    )
    return parser


def _write_frame_graphs(model: Path, encoding: str) -> list[Path]:
    """Write the graphs for frames of an encoding beside a model; return their paths."""
    from rtformer_ros.deploy.frames.frame_input import with_frame_input
    from rtformer_ros.deploy.frames.pictures import color_mask_graph, overlay_graph

    graphs = {
        'frame': with_frame_input(model, encoding),
        'color_mask': color_mask_graph(),
        'overlay': overlay_graph(encoding),
    }
    paths = {name: model.with_name(f'{model.stem}_{name}.onnx') for name in graphs}
    for name, graph in graphs.items():
        write_atomically(paths[name], graph.SerializeToString(deterministic=True))
    return list(paths.values())


def _export(arguments: argparse.Namespace) -> tuple[ModelMetadata, str]:
    """Write the graph; return what it says of itself, and the precision of its weights."""
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.deploy.export import export_onnx, labels_of
    from rtformer_ros.deploy.quantised.exported_weights import exported_weights

    checkpoint = find_weights(arguments.checkpoint)
    labels = load_labels(find_labels(arguments.labels)) if arguments.labels else None
    shares, weights = None, exported_weights(checkpoint, arguments.precision)
    if arguments.prior_tau and arguments.class_shares:
        own = labels_of(weights.checkpoint, labels)
        shares = read_class_shares(arguments.class_shares, own)
    metadata = export_onnx(
        checkpoint,
        arguments.output,
        arguments.height,
        arguments.width,
        labels=labels,
        opset=arguments.opset,
        precision=arguments.precision,
        prior_tau=arguments.prior_tau,
        class_shares=shares,
    )
    return metadata, weights.precision


if __name__ == '__main__':
    sys.exit(main())
