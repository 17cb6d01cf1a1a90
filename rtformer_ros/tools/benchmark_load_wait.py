"""Wait for the load that a benchmark puts on a node."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rtformer_ros.errors import EngineError

if TYPE_CHECKING:
    from rtformer_ros.tools.child_processes import ChildProcesses

_START_TIMEOUT_S = 90.0
_POLL_S = 0.2


def wait_for_load(processes: ChildProcesses, node: str, load: str, duration_s: float) -> None:
    """
    Return when the process `load` has ended well.

    duration_s: how long it should take, not counting the start.
    Raises EngineError with what was last written when it fails, the node ends, or both hang.
    """
    give_up_s = time.monotonic() + _START_TIMEOUT_S + 2 * duration_s
    while (code := processes.exit_code(load)) is None:
        if processes.exit_code(node) is not None:
            raise EngineError(f'the node ended; it wrote last:\n{processes.log_tail(node)}')
        if time.monotonic() > give_up_s:
            raise EngineError(
                f'the benchmark hangs; the node wrote last:\n{processes.log_tail(node)}'
            )
        time.sleep(_POLL_S)
    if code != 0:
        raise EngineError(f'the load failed; it wrote last:\n{processes.log_tail(load)}')
