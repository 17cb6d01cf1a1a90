# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Batch run over bags: slices are made in any order and place, then put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, ExitStack, suppress
from dataclasses import dataclass, replace
import shutil

from rtformer_ros.bags.assembly import assemble
from rtformer_ros.bags.bag_file import open_bag
from rtformer_ros.bags.job import BagJob, Task, TimeSlice
from rtformer_ros.bags.slice_file import Kind, kinds_made
from rtformer_ros.errors import ConfigError, listed
from rtformer_ros.files.file_lock import take_lock
from rtformer_ros.media.bag_reader import BagReader
from rtformer_ros.media.image_topics import find_image_topics
from rtformer_ros.media.recovery.recovered_sqlite import RECOVERED_PREFIX

_JOB_FILE = 'job.sha256'

RunTasks = Callable[[Sequence[Task]], Iterable[Task]]
"""Makes slices, in any order and place, and yields each when its file is there."""


@dataclass(frozen=True)
class BagRun:
    """
    A job with its slices, those still to be made, and how many images the bag has.

    losses: sentences on what is missing of a bag that was not closed. is_done: its output is there
    already, of a run that was stopped afterwards.
    """

    job: BagJob
    slices: tuple[TimeSlice, ...]
    missing: tuple[TimeSlice, ...]
    images: int
    losses: tuple[str, ...] = ()
    is_done: bool = False


@contextmanager
def locked_work_folder(job: BagJob) -> Iterator[None]:
    """
    Make a job's work folder where there is none, and keep other runs from it while the block runs.

    A folder that is empty in the end is removed. Raises ConfigError where another run has it, or
    it cannot be written.
    """
    folder = job.work_folder
    refusal = f'another run works in {folder}; wait for it, or choose another output'
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(take_lock(folder, refusal))
        except OSError as error:
            raise ConfigError(f'{folder} cannot be written: {error}') from error
        try:
            yield
        finally:
            with suppress(OSError):
                folder.rmdir()


def prepare_run(job: BagJob) -> BagRun:
    """
    Look into a bag and at what an earlier run left.

    Its image topics are chosen and their messages counted: slices follow these, not the length
    that the bag claims. Slices of an earlier run, and its output, count if bag, model and options
    are the same; else slices are removed: call it in locked_work_folder(). Raises ConfigError and
    ImageError where the bag cannot be segmented, or the output is another's.
    """
    mark = job.work_folder / _JOB_FILE
    if job.output.exists() and not mark.is_file():
        raise ConfigError(f'{job.output} exists already; remove it or choose another name')
    with open_bag(job) as reader:
        found = find_image_topics(reader, job.namespace)
        job = replace(job, topics=found.chosen(job.source, job.topics))
        _check_outputs(job, found.topics)
        wanted = [each for each in reader.connections if each.topic in job.topics]
        times_ns = [time_ns for _, time_ns, _ in reader.messages(wanted)]
        losses = tuple(reader.losses)
    if job.output.exists():
        if not _is_mark_of(job):
            raise ConfigError(f'{job.output} exists already; remove it or choose another name')
        return BagRun(job, (), (), len(times_ns), losses, is_done=True)
    slices = job.slices(times_ns)
    _remove_other_slices(job)
    missing = tuple(each for each in slices if not (job.work_folder / each.file_name).is_file())
    return BagRun(job, slices, missing, len(times_ns), losses)


def run_bags(
    runs: Sequence[BagRun], run_tasks: RunTasks, on_slice: Callable[[Task], None]
) -> dict[BagJob, int]:
    """
    Make what is missing of all bags and finish each as soon as it can be.

    on_slice: called with each slice that was made. Returns the number of messages added to each,
    0 where no image could be used and nothing was written.
    """
    open_slices = {run.job: set(run.missing) for run in runs}
    added = {
        run.job: _count_added(run.job) if run.is_done else _finish(run)
        for run in runs
        if not run.missing
    }
    by_job = {run.job: run for run in runs}
    for job, done in run_tasks([(run.job, each) for run in runs for each in run.missing]):
        on_slice((job, done))
        open_slices[job].discard(done)
        if not open_slices[job]:
            added[job] = _finish(by_job[job])
    # Not before: if it is stopped, the next run tells by them which outputs are its own.
    for run in runs:
        shutil.rmtree(run.job.work_folder, ignore_errors=True)
    return added


def _check_outputs(job: BagJob, present: Sequence[str]) -> None:
    """Raise ConfigError where an output's topic is in the bag already, or that of another."""
    outputs = list(job.output_topics().values())
    taken = sorted({each for each in outputs if each in present or outputs.count(each) > 1})
    if taken:
        raise ConfigError(
            f'{job.source}: {listed(taken)} would be written, which the bag has already, or '
            'twice; choose another --namespace, other --outputs or fewer --topics'
        )


def _remove_other_slices(job: BagJob) -> None:
    """Empty the work folder unless what is in it was made for the same job."""
    folder = job.work_folder
    try:
        if not _is_mark_of(job):
            # Not the folder itself: this run's lock is on it.
            for path in folder.iterdir():
                if not path.name.startswith(RECOVERED_PREFIX):
                    path.unlink()
            (folder / _JOB_FILE).write_text(job.fingerprint())
    except OSError as error:
        raise ConfigError(f'{folder} cannot be written: {error}') from error


def _is_mark_of(job: BagJob) -> bool:
    """Return whether what is in the work folder, or was, was made for this very job."""
    mark = job.work_folder / _JOB_FILE
    return mark.is_file() and mark.read_text() == job.fingerprint()


def _count_added(job: BagJob) -> int:
    """Return how many messages of a finished output were added."""
    topics = set(job.output_topics().values())
    with BagReader(job.output) as reader:
        return sum(each.msgcount for each in reader.connections if each.topic in topics)


def _finish(run: BagRun) -> int:
    """
    Write the output bag from its finished slices, and return how many messages were added.

    Nothing is written where that would be none.
    """
    finished = (kinds_made(run.job.work_folder / each.file_name) for each in run.slices)
    kinds = set[Kind]().union(*finished)
    added = assemble(run.job, run.slices, kinds) if kinds else 0
    with suppress(OSError):
        for path in run.job.work_folder.iterdir():
            if path.name != _JOB_FILE:
                path.unlink()
    return added
