# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Say what TensorRT would refuse of an ONNX model, before it is on a robot.

    python -m rtformer_ros.tools.check_model MODEL.onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from rtformer_ros.tools.command_line import run_tool

if TYPE_CHECKING:
    from rtformer_ros.deploy.operators.check import Finding
    from rtformer_ros.deploy.operators.tables import Release


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 where TensorRT takes the model, 1 where it would not."""
    options = _parser().parse_args(arguments)
    return run_tool('check_model', lambda: _run(options.model, options.release))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='check_model',
        description='Say which parts of an ONNX model TensorRT would refuse, and what to do.',
    )
    parser.add_argument('model', type=Path, help='any ONNX file')
    parser.add_argument(
        '--release',
        choices=('8.6', '10'),
        default='10',
        help="TensorRT's: 8.6 for JetPack 6.0, 10 for later ones (default: %(default)s)",
    )
    return parser


def _run(path: Path, release: Release) -> int:
    summary, findings = _check(path, release)
    for finding in findings:
        print(finding)
    verdict = f'would refuse it in {len(findings)} place(s)' if findings else 'takes it'
    print(f'{path}: {summary}; TensorRT {release} {verdict}')
    return 1 if findings else 0


def _check(path: Path, release: Release) -> tuple[str, list[Finding]]:
    # Imported here, so that a machine without the package onnx gets an answer.
    from rtformer_ros.deploy.graph_precision import precision_of
    from rtformer_ros.deploy.onnx_file import read_onnx
    from rtformer_ros.deploy.operators.check import check_operators

    model = read_onnx(path)
    summary = f'{precision_of(model)}, {len(model.graph.node)} nodes'
    return summary, check_operators(model, release)


if __name__ == '__main__':
    sys.exit(main())
