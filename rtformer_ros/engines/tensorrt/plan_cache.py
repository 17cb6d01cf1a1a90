"""Keep plans between starts, and give out only those that are whole, fitting and this user's."""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from rtformer_ros.engines.tensorrt.plan_key import PlanKey, Target
from rtformer_ros.engines.tensorrt.plan_lock import only_one
from rtformer_ros.engines.tensorrt.plan_record import PlanRecord, sidecar_of
from rtformer_ros.errors import ModelError
from rtformer_ros.network.atomic_file import write_atomically

_logger = logging.getLogger(__name__)

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_TEMPORARY = re.compile(r'\..+\.(plan|json|timing)\..+')
# No write of a plan takes that long: what is older was left by a process that was killed.
_STALE_S = 3600.0


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
    """

    def __init__(self, folder: Path, owner_id: int | None = None) -> None:
        """
        Make the folder, if need be and if it can be.

        owner_id: the user whose files are trusted; None is the user of this process.
        """
        self._folder = folder
        self._owner_id = os.geteuid() if owner_id is None else owner_id
        self._distrust = _make_private(folder, self._owner_id)
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
        return StoredPlan(path, plan, record)

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
            self._remove_stale()
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
        return path

    def locked(self, key: PlanKey, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Return the lock of a key's build, see only_one."""
        return only_one(self._path(key).with_suffix('.lock'), on_wait)

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

    def _path(self, key: PlanKey) -> Path:
        return self._folder / f'{key.digest}.plan'

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
                    f'{path} belongs to user {status.st_uid} and not to {self._owner_id}, or is no '
                    'plain file; delete it'
                )
            return file.read()

    def _remove_stale(self) -> None:
        oldest_s = time.time() - _STALE_S
        for path in self._folder.iterdir():
            with suppress(OSError):
                if _TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime < oldest_s:
                    path.unlink()


def default_cache_folder() -> Path:
    """Return $ROS_HOME/rtformer_ros/plans, or ~/.cache/rtformer_ros/plans."""
    ros_home = os.environ.get('ROS_HOME', '')
    root = Path(ros_home).expanduser() if ros_home else Path('~/.cache').expanduser()
    return root / 'rtformer_ros' / 'plans'


def _make_private(folder: Path, owner_id: int) -> str:
    """Make a folder that nobody else can write; return why it cannot be trusted, '' if it can."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if status.st_uid != owner_id:
            return (
                f'it belongs to user {status.st_uid}, not to {owner_id}; set ROS_HOME to a folder '
                'of this user'
            )
        if status.st_mode & _OTHERS_MAY_WRITE:
            folder.chmod(0o700)
    except OSError as error:
        return f'{error}; set ROS_HOME to a folder that can be written'
    return ''
