# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build every export with a real parser and builder of NVIDIA's, on a machine without a GPU.

    make build-with-tensorrt

Downloads TensorRT-RTX (91 MB) into a folder of the environment, once; then `make test` builds a
few models with it, too. It is not the TensorRT of JetPack: docs/tensorrt.md says what this does
not prove. Its licence is NVIDIA's. Further arguments go to pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
from pathlib import Path
import subprocess
import sys

from tensorrt_wheels import BindingsMissing, folder_of, RTX_WHEELS, unpacked

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT / 'test' / 'contract' / 'real_builder'
_SKIPPED = 2


def main(arguments: Sequence[str]) -> int:
    """Download what is missing, run all checks and print the table; return the exit code."""
    print('TensorRT-RTX is downloaded where it is not here yet (91 MB) ...', file=sys.stderr)
    try:
        unpacked(*RTX_WHEELS)
    except BindingsMissing as error:
        print(f'\nSKIPPED, nothing was built: {error}\n', file=sys.stderr)
        return _SKIPPED
    return run_checks(['--whole', '--timeout', '900', *arguments]).returncode


def is_here() -> bool:
    """Return whether the library was downloaded into this environment."""
    return folder_of(RTX_WHEELS[0]).is_dir()


def run_checks(
    options: Sequence[str], output: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the checks in a process of their own; output: where it writes, as for Popen."""
    ours = (ROOT, ROOT / 'scripts', ROOT / 'test' / 'helpers' / 'plans')
    paths = (*ours, CHECKS / 'as_tensorrt', folder_of(RTX_WHEELS[0]))
    pytest = [sys.executable, '-m', 'pytest', '-q', '-o', 'python_files=check_*.py']
    return subprocess.run(
        [*pytest, '-p', 'no:cacheprovider', f'--confcutdir={CHECKS}', *options, str(CHECKS)],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, paths))},
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
