# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Resolve the requirements as pip would on an ARM board (aarch64), on any machine.

    python3 scripts/aarch64_requirements.py [--python 3.10] [FILE ...]

FILE is a name in requirements/ without its .txt; by default all but those for which aarch64 has no
wheels: ROS 2 comes by apt there. Prints which versions come. Needs pip 23 and the network.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile

ROOT = Path(__file__).resolve().parents[1]
# Humble's and JetPack 6's; Jazzy's, Kilted's and JetPack 7's.
PYTHONS = ('3.10', '3.12')
FILES = ('runtime', 'jetson', 'demo', 'smoke')
ELSEWHERE = {
    'test': 'PyTorch brings CUDA, several GB: name it to have it resolved',
    'ros-jazzy': 'ROS 2 has no wheels for aarch64; apt brings it',
    'message-generators': 'ROS 2 has no wheels for aarch64; apt brings it',
    'cuda': 'CUDA and TensorRT of a PC; a Jetson has those of JetPack',
    'constraints': 'read by the others',
}
# Of Ubuntu 22.04 and newer; a wheel for an older glibc runs there, too.
GLIBCS = ('manylinux2014', *(f'manylinux_2_{minor}' for minor in range(35, 16, -1)))


class ResolutionError(Exception):
    """Say what pip could not resolve, in its own words."""


def resolve(files: Sequence[str], python: str) -> Mapping[str, str]:
    """
    Return the version of each package that pip would install there; raises ResolutionError.

    files: names in requirements/ without .txt. python: as '3.10'.
    """
    named = [part for name in files for part in ('-r', f'requirements/{name}.txt')]
    platforms = [f'--platform={glibc}_aarch64' for glibc in GLIBCS]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / 'report.json'
        pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--no-input', 'install']
        options = ['--dry-run', '--ignore-installed', '--quiet', '--only-binary=:all:']
        target = [f'--target={folder}/none', f'--python-version={python}', *platforms]
        done = subprocess.run(
            [*pip, *options, '--retries=1', *target, f'--report={report}', *named],
            cwd=ROOT,
            env={**os.environ, 'PIP_REQUIRE_VIRTUALENV': '0'},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ResolutionError(done.stderr)
        packages = json.loads(report.read_text(encoding='utf-8'))['install']
    found = [package['metadata'] for package in packages]
    return {each['name'].lower(): each['version'] for each in found}


def main() -> int:
    """Resolve for each Python, print what comes; 1 where something has no wheel."""
    parser = argparse.ArgumentParser(description='Resolve the requirements for aarch64.')
    parser.add_argument('files', nargs='*', default=FILES, metavar='FILE', help='as runtime')
    parser.add_argument('--python', action='append', help='3.10 and 3.12 by default')
    arguments = parser.parse_args()
    status = 0
    for python in arguments.python or PYTHONS:
        try:
            versions = resolve(arguments.files, python)
        except ResolutionError as error:
            print(f'Python {python}: not resolved\n{error}', file=sys.stderr)
            status = 1
            continue
        print(f'Python {python}: {len(versions)} packages, all of them wheels for aarch64')
        print(''.join(f'  {name} {versions[name]}\n' for name in sorted(versions)), end='')
    for name, reason in ELSEWHERE.items():
        print(f'left out: {name}.txt ({reason})')
    return status


if __name__ == '__main__':
    sys.exit(main())
