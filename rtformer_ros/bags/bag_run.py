"""Lead jobs from bags to bags: plan the slices, have them made, put them together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtformer_ros.bags.assembly import assemble
from rtformer_ros.bags.bag_file import image_topics, open_bag
from rtformer_ros.bags.job import TimeSlice, time_slices
from rtformer_ros.errors import ConfigError

if TYPE_CHECKING:
    from rtformer_ros.bags.job import BagJob

_JOB_FILE = 'job.sha256'

Task = tuple['BagJob', TimeSlice]
RunTasks = Callable[[Sequence[Task]], Iterable[Task]]
"""Makes slices, in any order and place, and yields each when its file is there."""


@dataclass(frozen=True)
class BagPlan:
    """A job with its slices, those still to be made, and how many images the bag has."""

    job: BagJob
    parts: tuple[TimeSlice, ...]
    missing: tuple[TimeSlice, ...]
    images: int


def plan_bag(job: BagJob) -> BagPlan:
    """
    Look into a bag and at what an earlier run left.

    Slices of an earlier run count if bag, model and options are the same; else they are removed:
    call it in only_run(). Raises ConfigError and ImageError where the bag cannot be segmented.
    """
    if job.output.exists():
        raise ConfigError(f'{job.output} exists already; remove it or choose another name')
    with open_bag(job.source) as reader:
        topics = image_topics(reader, job.source, job.topics)
        images = sum(c.msgcount for c in reader.connections if c.topic in topics)
        parts = tuple(time_slices(reader.start_time, reader.end_time, job.slice_s))
    folder, fingerprint = job.work_folder, job.fingerprint()
    try:
        mark = folder / _JOB_FILE
        if not mark.is_file() or mark.read_text() != fingerprint:
            # Not the folder itself: this run's hold is on it.
            for path in folder.iterdir():
                path.unlink()
            mark.write_text(fingerprint)
    except OSError as error:
        raise ConfigError(f'{folder} cannot be written: {error}') from error
    missing = tuple(part for part in parts if not (folder / part.file_name).is_file())
    return BagPlan(job, parts, missing, images)


def finish_bag(plan: BagPlan) -> int:
    """Write the output bag from its finished slices, and return how many messages were added."""
    added = assemble(plan.job, plan.parts)
    shutil.rmtree(plan.job.work_folder, ignore_errors=True)
    return added


def run_bags(
    plans: Sequence[BagPlan], run_tasks: RunTasks, on_slice: Callable[[Task], None]
) -> dict[BagJob, int]:
    """
    Make what is missing of all bags and finish each as soon as it can be.

    on_slice: called with each slice that was made. Returns the number of messages added to each.
    """
    open_parts = {plan.job: set(plan.missing) for plan in plans}
    added = {plan.job: finish_bag(plan) for plan in plans if not plan.missing}
    by_job = {plan.job: plan for plan in plans}
    for job, part in run_tasks([(plan.job, part) for plan in plans for part in plan.missing]):
        on_slice((job, part))
        open_parts[job].discard(part)
        if not open_parts[job]:
            added[job] = finish_bag(by_job[job])
    return added
