# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The cache of plans, which returns only those that are whole, fitting and this user's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
import logging
import os
from pathlib import Path
import re
import stat
import time

from rtformer_ros.engines.tensorrt.plans.cache_folder import (
    make_room,
    mark_used,
    remove_leftovers,
)
from rtformer_ros.engines.tensorrt.plans.key import PlanKey, Target
from rtformer_ros.engines.tensorrt.plans.record import PlanRecord, sidecar_of
from rtformer_ros.errors import ModelError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.file_lock import wait_for_lock
from rtformer_ros.files.private_folder import make_private

_logger = logging.getLogger(__name__)

_MOST_BYTES = 1 << 30
# How long a failure counts that may pass, as one for want of memory.
_PASSING_S = 6 * 3600.0


@dataclass(frozen=True)
class StoredPlan:
    """A plan that was checked, and its record; path: where it lies."""

    path: Path
    plan: bytes
    record: PlanRecord


class PlanCache:
    """
    A folder of plans, each with a sidecar.

    Plans are executable, so the folder is private (mode 0700), and files in it that belong to
    somebody else are refused. A folder that cannot be written still gives out what it holds.
    Of builds that failed it keeps why, so that one that nobody waits for need not be repeated.
    """

    def __init__(
        self, folder: Path, owner_id: int | None = None, most_bytes: int = _MOST_BYTES
    ) -> None:
        """
        Make the folder, if need be and if it can be.

        owner_id: the user whose files are trusted; None is the user of this process. most_bytes:
        of all plans; a new one makes those go that were not used for longest.
        """
        self._folder = folder
        self._most_bytes = most_bytes
        self._owner_id = os.geteuid() if owner_id is None else owner_id
        self._distrust = make_private(folder, self._owner_id)
        if self._distrust:
            _logger.warning('the plan cache %s is not used: %s', folder, self._distrust)

    def load(self, key: PlanKey) -> StoredPlan | None:
        """Return the plan for a key; None, and why in the log, where there is none to trust."""
        path = self._path(key)
        if self._distrust or not path.exists():
            return None
        try:
            # The bytes that were checked are those that are run: no file is read twice.
            record = PlanRecord.from_json(self._read(sidecar_of(path)), str(sidecar_of(path)))
            plan = self._read(path)
        except (ModelError, OSError) as error:
            _logger.warning('the cached plan %s is refused: %s', path, error)
            return None
        if record.key != key or not record.describes(plan):
            _logger.warning(
                'the cached plan %s is refused: its content is not what its sidecar says', path
            )
            return None
        mark_used(path)
        return StoredPlan(path, plan, record)

    def load_serving(self, key: PlanKey) -> StoredPlan | None:
        """Return the plan for a key, else the next one for more images a call, else None."""
        keys = [key, *self._larger_keys(key)]
        return next(filter(None, map(self.load, keys)), None)

    def store(self, plan: bytes, record: PlanRecord) -> Path | None:
        """
        Keep a plan; return its path, or None where the folder or its disk do not take it.

        The sidecar goes first and comes back last: whenever this is cut short, no plan lies
        beside a sidecar that calls it whole.
        """
        path = self._path(record.key)
        if self._distrust:
            return None
        try:
            remove_leftovers(self._folder)
            sidecar_of(path).unlink(missing_ok=True)
            write_atomically(path, plan)
            write_atomically(sidecar_of(path), record.to_json())
        except (ModelError, OSError) as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            _logger.warning(
                'the plan runs from memory and will be built again at the next start, as it '
                'cannot be kept: %s. Free space there, or set ROS_HOME to a folder that can be '
                'written',
                error,
            )
            return None
        with suppress(OSError):
            for failure in self._failure_paths(record.key):
                failure.unlink(missing_ok=True)
            make_room(self._folder, self._most_bytes, path)
        return path

    def load_failure(self, key: PlanKey) -> str:
        """Return when and why the last build for a key failed; '' where none has failed."""
        if self._distrust:
            return ''
        lasting, passing = self._failure_paths(key)
        with suppress(ModelError, OSError):
            return self._read(lasting).decode(errors='replace')
        with suppress(ModelError, OSError):
            if time.time() - passing.stat().st_mtime < _PASSING_S:
                return self._read(passing).decode(errors='replace')
        return ''

    def store_failure(self, key: PlanKey, reason: str, *, may_pass: bool = False) -> None:
        """
        Keep why a build failed, until one with this key succeeds.

        may_pass: for six hours only, as another time the machine may have what was missing.
        """
        now = datetime.now(timezone.utc).isoformat(timespec='minutes')
        path = self._failure_paths(key)[may_pass]
        if not self._distrust:
            with suppress(ModelError):
                write_atomically(path, f'{now}: {" ".join(reason.split())}'.encode())

    def locked(self, key: PlanKey, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Return the lock of a key's build, so that one process at a time builds the plan."""
        return wait_for_lock(self._path(key).with_suffix('.lock'), on_wait)

    def load_timings(self, target: Target) -> bytes:
        """Return what earlier builds measured on this machine; b'' where there is nothing."""
        if self._distrust:
            return b''
        try:
            return self._read(self._timing_path(target))
        except (ModelError, OSError):
            return b''

    def store_timings(self, target: Target, timings: bytes) -> None:
        """Keep what a build measured; losing it only costs time."""
        if timings and not self._distrust:
            with suppress(ModelError):
                write_atomically(self._timing_path(target), timings)

    def _larger_keys(self, key: PlanKey) -> list[PlanKey]:
        """Return the keys of plans here that only take more images, those for fewest first."""
        alike, found = replace(key, max_batch=0), []
        for path in () if self._distrust else self._folder.glob('*.plan.json'):
            with suppress(ModelError, OSError):
                other = PlanRecord.from_json(self._read(path), str(path)).key
                if other.max_batch > key.max_batch and replace(other, max_batch=0) == alike:
                    found.append(other)
        return sorted(found, key=lambda each: each.max_batch)

    def _path(self, key: PlanKey) -> Path:
        return self._folder / f'{key.digest}.plan'

    def _failure_paths(self, key: PlanKey) -> tuple[Path, Path]:
        """Return where failures of a key lie: those that last, and those that may pass."""
        path = self._path(key)
        return path.with_suffix('.failed'), path.with_suffix('.memory.failed')

    def _timing_path(self, target: Target) -> Path:
        gpu = target.gpu
        text = f'{gpu.name}-{gpu.compute_capability}-{gpu.multiprocessors}'
        return self._folder / (
            re.sub(r'[^\w.-]+', '_', f'{text}-{target.tensorrt_version}') + '.timing'
        )

    def _read(self, path: Path) -> bytes:
        """Return the content of a plain file of the trusted user; raises ModelError, OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, 'rb') as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != self._owner_id:
                raise ModelError(
                    f'{path} belongs to user {status.st_uid} and not to {self._owner_id}, or is '
                    'no plain file; delete it'
                )
            return file.read()
