# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Job of one bag: what is to be added to it, and the time slices that are worked on one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
import json
from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.sha256 import sha256_of_bytes

OUTPUTS = ('mask', 'color_mask', 'overlay', 'confidence')
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TimeSlice:
    """A piece of a bag: its number from 0 and its times in nanoseconds, stop_ns excluded."""

    index: int
    start_ns: int
    stop_ns: int

    @property
    def file_name(self) -> str:
        """Return the name of the file that holds what was made of it."""
        return f'slice_{self.index:06d}.sqlite'


@dataclass(frozen=True)
class BagJob:
    """
    One bag to segment.

    source: a bag's folder or its only file (.mcap, .db3). output: a folder that does not exist
    yet, or a file of the same kind. topics: of images; () is every image topic of the bag.
    outputs: names from OUTPUTS. namespace: what the added topics are under. slice_s: seconds of
    the bag that are segmented at a time. model, engine, device, threads: as EngineRequest takes
    them. is_strict: refuse a bag that is not whole.
    Raises ConfigError for a value that cannot be.
    """

    source: Path
    output: Path
    model: Path
    topics: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ('mask',)
    namespace: str = '/segmentation_node'
    slice_s: float = 20.0
    engine: str = 'auto'
    device: str = 'auto'
    threads: int = 1
    is_strict: bool = False

    def __post_init__(self) -> None:
        """Check every field that needs no look into the bag."""
        unknown = [name for name in self.outputs if name not in OUTPUTS]
        if unknown or not self.outputs:
            raise ConfigError(
                f'outputs are {", ".join(self.outputs) or "none"}; expected some of '
                f'{", ".join(OUTPUTS)}'
            )
        if not self.slice_s > 0:
            raise ConfigError(f'slice_s is {self.slice_s}; expected seconds, above 0')
        if not self.namespace.startswith('/'):
            raise ConfigError(
                f"namespace is '{self.namespace}'; expected one that begins with '/'"
            )
        for path in (self.source, self.model):
            if not path.exists():
                raise ConfigError(f'there is no {path}')
        if self.output.resolve() == self.source.resolve():
            raise ConfigError(f'{self.output} is the bag that is read; choose another output')

    @property
    def work_folder(self) -> Path:
        """Return where finished slices wait for the others; a second run continues from there."""
        return self.output.with_name(f'{self.output.name}.partial')

    def slices(self, start_ns: int, stop_ns: int) -> tuple[TimeSlice, ...]:
        """
        Return slices that cover every message from start_ns to stop_ns (excluded) exactly once.

        Each covers slice_s seconds; the last one may be shorter.
        """
        step_ns = max(1, round(self.slice_s * _NS_PER_S))
        return tuple(
            TimeSlice(index, start, min(start + step_ns, stop_ns))
            for index, start in enumerate(range(start_ns, stop_ns, step_ns))
        )

    def output_topic(self, output: str, topic: str, topics: Sequence[str]) -> str:
        """
        Return the topic of an output made from the images on `topic`, one of `topics`.

        It is NAMESPACE/OUTPUT for a bag of one camera, as the node's; for several it has the
        camera's own namespace between: /front/image_raw gives NAMESPACE/front/mask.
        """
        namespace = self.namespace.rstrip('/')
        if len(topics) == 1:
            return f'{namespace}/{output}'
        return f'{namespace}/{_camera_name(topic, topics)}/{output}'

    def fingerprint(self) -> str:
        """Return a digest of all that decides what slices hold: bag, model and options."""
        values = {key: str(value) for key, value in asdict(self).items() if key != 'output'}
        for path in (self.source, self.model):
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            values[f'stat {path}'] = str([(f.name, _stamp(f)) for f in files])
        return sha256_of_bytes(json.dumps(values, sort_keys=True).encode())


Task = tuple[BagJob, TimeSlice]
"""A slice to be made."""


def _camera_name(topic: str, topics: Sequence[str]) -> str:
    """Return a topic without its last part where that still tells it from the others."""
    own = _raw_topic(topic)
    parents = [_raw_topic(each).rpartition('/')[0] for each in topics]
    parent = own.rpartition('/')[0]
    return parent if parent and parents.count(parent) == 1 else own


def _raw_topic(topic: str) -> str:
    return topic.removesuffix('/compressed').strip('/')


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
