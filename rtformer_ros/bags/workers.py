# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Workers that make slices: this process, a process pool of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import multiprocessing
import signal
import socket
from typing import Any, TYPE_CHECKING

from rtformer_ros.bags.slice_segmentation import SliceSegmenter
from rtformer_ros.errors import ConfigError, EngineUnavailable, pip_install, RtformerError
from rtformer_ros.processes.lifeline import end_with_parent

if TYPE_CHECKING:
    from rtformer_ros.bags.job import BagJob, Task, TimeSlice

# Of a worker process, which opens a model once for all its slices.
_OF_THIS_PROCESS = SliceSegmenter()

_RAY_RETRIES = 3
_KNOCK_TIMEOUT_S = 5.0


def segment_slice(job: BagJob, part: TimeSlice) -> None:
    """Make a slice in a worker process, which keeps bag and engine open for its next one."""
    _OF_THIS_PROCESS.segment(job, part)


def run_here(tasks: Sequence[Task], on_image: Callable[[], None]) -> Iterator[Task]:
    """Make slices one after the other."""
    with SliceSegmenter() as segmenter:
        for job, part in tasks:
            segmenter.segment(job, part, on_image)
            yield job, part


def run_in_processes(tasks: Sequence[Task], workers: int) -> Iterator[Task]:
    """
    Make slices in several processes of this machine.

    Raises ConfigError where one was killed; what was finished stays for the next run.
    """
    # Spawned, not forked: engines have threads that a fork would lose.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context, _prepare_worker) as pool:
        futures = {pool.submit(segment_slice, *task): task for task in tasks}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise ConfigError(
                'a worker process was killed, often because memory ran out; start again with '
                'fewer --workers: finished parts are kept'
            ) from error
        except BaseException:
            # Else Ctrl-C would wait for the slices in hand, minutes perhaps.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole group; what becomes of the workers is for their parent to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def run_on_ray(tasks: Sequence[Task], address: str) -> Iterator[Task]:
    """
    Make slices on a Ray cluster whose machines see bags and model under the same paths.

    address: of the cluster ('auto', 'HOST:PORT'), or 'local' for one of this machine's own. A
    slice whose worker died is made again elsewhere.
    Raises EngineUnavailable where Ray is missing, ConfigError where there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise EngineUnavailable(
            f'--ray needs the Python package ray, here and on the cluster: {pip_install("ray")}'
        ) from error
    _connect(ray, address)
    try:
        remote = ray.remote(max_retries=_RAY_RETRIES)(segment_slice)
        pending = {remote.remote(*task): task for task in tasks}
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1)
            for reference in done:
                _check(ray, reference)
                yield pending.pop(reference)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"there is no Ray cluster at '{address}': {error}. Start one with `ray start --head`, "
            "or give 'local'"
        ) from error


def _knock(address: str) -> None:
    """Raise OSError where nobody listens; Ray would try again for minutes."""
    host, _, port = address.removeprefix('ray://').rpartition(':')
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), _KNOCK_TIMEOUT_S).close()


def _check(ray: Any, reference: Any) -> None:
    """Raise what a slice's task raised, as one of our errors."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RtformerError):
            raise error.cause from error
        raise
    except ray.exceptions.RayError as error:
        raise ConfigError(
            f'a worker of the cluster died {_RAY_RETRIES + 1} times over one part: {error}; start '
            'again: finished parts are kept'
        ) from error
