# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Batch run over bags: slices are made in any order and place, then put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, ExitStack, suppress
from dataclasses import dataclass
import shutil

from rtformer_ros.bags.assembly import assemble
from rtformer_ros.bags.bag_file import image_topics, open_bag
from rtformer_ros.bags.job import BagJob, Task, TimeSlice
from rtformer_ros.bags.slice_file import holds_messages
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.file_lock import take_lock
from rtformer_ros.media.recovery.recovered_sqlite import RECOVERED_PREFIX

_JOB_FILE = 'job.sha256'

RunTasks = Callable[[Sequence[Task]], Iterable[Task]]
"""Makes slices, in any order and place, and yields each when its file is there."""


@dataclass(frozen=True)
class BagRun:
    """
    A job with its slices, those still to be made, and how many images the bag has.

    losses: sentences on what is missing of a bag that was not closed.
    """

    job: BagJob
    slices: tuple[TimeSlice, ...]
    missing: tuple[TimeSlice, ...]
    images: int
    losses: tuple[str, ...] = ()


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

    Slices of an earlier run count if bag, model and options are the same; else they are removed:
    call it in locked_work_folder(). Raises ConfigError and ImageError where the bag cannot be
    segmented.
    """
    if job.output.exists():
        raise ConfigError(f'{job.output} exists already; remove it or choose another name')
    with open_bag(job) as reader:
        topics = image_topics(reader, job.source, job.topics)
        images = sum(c.msgcount for c in reader.connections if c.topic in topics)
        slices = job.slices(reader.start_time, reader.end_time)
        losses = tuple(reader.losses)
    _remove_other_slices(job)
    missing = tuple(each for each in slices if not (job.work_folder / each.file_name).is_file())
    return BagRun(job, slices, missing, images, losses)


def run_bags(
    runs: Sequence[BagRun], run_tasks: RunTasks, on_slice: Callable[[Task], None]
) -> dict[BagJob, int]:
    """
    Make what is missing of all bags and finish each as soon as it can be.

    on_slice: called with each slice that was made. Returns the number of messages added to each,
    0 where no image could be used and nothing was written.
    """
    open_slices = {run.job: set(run.missing) for run in runs}
    added = {run.job: _finish(run) for run in runs if not run.missing}
    by_job = {run.job: run for run in runs}
    for job, done in run_tasks([(run.job, each) for run in runs for each in run.missing]):
        on_slice((job, done))
        open_slices[job].discard(done)
        if not open_slices[job]:
            added[job] = _finish(by_job[job])
    return added


def _remove_other_slices(job: BagJob) -> None:
    """Empty the work folder unless what is in it was made for the same job."""
    folder, fingerprint = job.work_folder, job.fingerprint()
    try:
        mark = folder / _JOB_FILE
        if not mark.is_file() or mark.read_text() != fingerprint:
            # Not the folder itself: this run's lock is on it.
            for path in folder.iterdir():
                if not path.name.startswith(RECOVERED_PREFIX):
                    path.unlink()
            mark.write_text(fingerprint)
    except OSError as error:
        raise ConfigError(f'{folder} cannot be written: {error}') from error


def _finish(run: BagRun) -> int:
    """
    Write the output bag from its finished slices, and return how many messages were added.

    Nothing is written where that would be none.
    """
    has_images = any(holds_messages(run.job.work_folder / each.file_name) for each in run.slices)
    added = assemble(run.job, run.slices) if has_images else 0
    shutil.rmtree(run.job.work_folder, ignore_errors=True)
    return added
