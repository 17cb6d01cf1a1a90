# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Compare networks, and forms of one network, by size, operations, time and score.

    python -m rtformer_ros.tools.compare_networks rtformer_slim rtformer_slim:attention=mhsa
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import check_can_write
from rtformer_ros.tools.benchmark.report import check_chart, Conditions, write_json
from rtformer_ros.tools.command_line import parse_size, run_tool
from rtformer_ros.tools.compare_networks.candidate import all_candidates
from rtformer_ros.tools.compare_networks.chart import write_scatter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('compare_networks', lambda: _compare(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='compare_networks',
        description='Print parameters, GMAC, milliseconds on this machine and, of trained ones, '
        'mIoU of networks.',
    )
    parser.add_argument(
        'networks',
        nargs='*',
        metavar='NETWORK',
        help='name with options, as rtformer_slim:attention=mhea:memory_ratio=0.25',
    )
    parser.add_argument('--size', default='360x480', metavar='HxW', help='default: 360x480')
    parser.add_argument('--classes', type=int, default=11, help='default: 11')
    parser.add_argument('--threads', type=int, default=1, help='of the engine (default: 1)')
    parser.add_argument('--rounds', type=int, default=10, help='runs of each (default: 10)')
    parser.add_argument(
        '--runs', type=Path, nargs='+', default=[], metavar='FOLDER',
        help='folders of `train`, for networks with their best mIoU',
    )  # fmt: skip
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    parser.add_argument('--chart', type=Path, metavar='FILE', help='draw points into a PNG')
    return parser


def _compare(options: argparse.Namespace) -> int:
    size = parse_size(options.size)
    if size is None or min(*size, options.rounds, options.threads) < 1:
        raise ConfigError('--size, --rounds and --threads are to be given; expected 1 or more')
    candidates = all_candidates(options.networks, options.runs)
    if options.chart:
        # Not after the minutes of measuring.
        check_chart()
    for path in filter(None, (options.json, options.chart)):
        check_can_write(path)
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.tools.compare_networks.comparison import comparison_table, ComparisonCase

    conditions = Conditions.now(Path('networks with fresh weights'), options.threads)
    case = ComparisonCase(*size, options.classes, options.threads, options.rounds)
    table = comparison_table(candidates, case, lambda: print(conditions, flush=True))
    print('\n'.join(table.lines()))
    if options.json:
        write_json(options.json, conditions, [table])
    if options.chart:
        write_scatter(options.chart, conditions, table)
    return 0


if __name__ == '__main__':
    sys.exit(main())
