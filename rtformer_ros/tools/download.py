# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Fetch a file.

    python -m rtformer_ros.tools.download URL OUTPUT --sha256 HEX
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import math
from pathlib import Path
import sys

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.http.download import download, Patience
from rtformer_ros.tools.command_line import run_tool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('download', lambda: _run(options), 'interrupted; run it again to go on')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='download',
        description='Fetch a file over HTTP; run it again to go on where it was interrupted.',
    )
    parser.add_argument('url', help='http:// or https://')
    parser.add_argument('output', type=Path, help='file to write, or a folder that exists')
    parser.add_argument('--sha256', metavar='HEX', help='digest that the file must have')
    usual = Patience()
    parser.add_argument(
        '--max-mib', type=float, default=usual.most_bytes / (1 << 20), metavar='MIB',
        help='refuse a larger file (%(default)g)',
    )  # fmt: skip
    parser.add_argument(
        '--max-seconds', type=float, default=usual.total_s, metavar='S',
        help='give up after that time (%(default)g); what has come is kept',
    )  # fmt: skip
    return parser


def _run(options: argparse.Namespace) -> int:
    for name, value in (('mib', options.max_mib), ('seconds', options.max_seconds)):
        if not 0 < value < math.inf:
            raise ConfigError(f'--max-{name} is {value:g}; expected a number above 0')
    target = _target(options.url, options.output)
    limits = Patience(total_s=options.max_seconds, most_bytes=round(options.max_mib * (1 << 20)))
    download_with_bar(options.url, target, options.sha256, limits)
    print(f'wrote {target}: {target.stat().st_size} bytes')
    return 0


def _target(url: str, output: Path) -> Path:
    """Return the file to write; in a folder it is called as in the URL."""
    if not output.is_dir():
        return output
    name = url.partition('?')[0].rpartition('/')[2]
    if name in ('', '.', '..'):
        raise ConfigError(f'{output} is a folder and {url} names no file; give the path of a file')
    return output / name


def download_with_bar(url: str, target: Path, sha256: str | None, patience: Patience) -> None:
    """Fetch a file with a progress bar; raises as download does."""
    from tqdm import tqdm

    with tqdm(desc=target.name, unit='B', unit_scale=True, unit_divisor=1024) as bar:

        def show(done: int, total: int | None) -> None:
            if total is not None:
                bar.total = total
            bar.update(done - bar.n)

        download(url, target, sha256=sha256, progress=show, patience=patience)


if __name__ == '__main__':
    sys.exit(main())
