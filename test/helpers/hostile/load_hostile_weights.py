# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Load weights files within four times their size and 64 MiB: PATH ... gives errors as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
import resource
import sys

from limited_process import limit_cpu, limit_memory
from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.weights.weights_file import read_weights, write_weights

_TIMES = 4
_MORE_MIB = 64
_CPU_S = 20
_MIB = 1 << 20


def main() -> None:
    """Print, as JSON, the error for each path, or how many tensors it holds."""
    import torch

    # What the first use of a library maps is no matter of the file.
    first = Path(sys.argv[1]).with_name('first.safetensors')
    write_weights(first, {'w': torch.zeros(3, 3)}, {})
    read_weights(first)
    came = {}
    for argument in sys.argv[1:]:
        path = Path(argument)
        # One thread a process: the allocator's arenas are mapped once.
        child = os.fork()
        if child == 0:
            _load(path)
        _, status = os.waitpid(child, 0)
        answer = path.with_suffix('.answer')
        came[argument] = answer.read_text() if status == 0 else f'ended with status {status}'
    print(json.dumps(came))


def _load(path: Path) -> None:
    limit_memory(_TIMES * path.stat().st_size / _MIB + _MORE_MIB)
    limit_cpu(_CPU_S)
    try:
        text = f'{len(read_weights(path).state)} tensors'
    except CheckpointError as error:
        text = str(error)
    except MemoryError:
        text = 'out of memory'
    resource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)[1:] * 2)
    path.with_suffix('.answer').write_text(text)
    os._exit(0)


if __name__ == '__main__':
    main()
