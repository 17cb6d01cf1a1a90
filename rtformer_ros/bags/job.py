# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Job of one bag: what is to be added to it, and the slices that are worked on one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
import json
from pathlib import Path
import re

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.sha256 import sha256_of_bytes
from rtformer_ros.imaging.roi import Roi
from rtformer_ros.media.image_topics import IMAGE_OUTPUTS, NODE_NAMESPACE

OUTPUTS = IMAGE_OUTPUTS
_NAMESPACE = re.compile('/|(/[A-Za-z_][A-Za-z0-9_]*)+/?')


@dataclass(frozen=True)
class TimeSlice:
    """
    A piece of a bag: its number from 0 and its times in nanoseconds, stop_ns excluded.

    None: the first slice has no start, the last one no end.
    """

    index: int
    start_ns: int | None
    stop_ns: int | None

    @property
    def file_name(self) -> str:
        """Return the name of the file that holds what was made of it."""
        return f'slice_{self.index:06d}.sqlite'


@dataclass(frozen=True)
class BagJob:
    """
    One bag to segment.

    source: a bag's folder or its only file (.mcap, .db3). output: a folder that does not exist
    yet, or a file of the same kind. topics: of images; () is every camera of the bag. outputs:
    names from OUTPUTS. namespace: what the added topics are under. slice_images: how many images
    are segmented at a time. model, engine, device, threads, network_size: as EngineRequest takes
    them. is_strict: refuse a bag that is not whole. roi: the part of the images that is segmented,
    None for all; ignore_mask: the file of read_ignore_mask, None for none.
    Raises ConfigError for a value that cannot be.
    """

    source: Path
    output: Path
    model: Path
    topics: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ('mask',)
    namespace: str = NODE_NAMESPACE
    slice_images: int = 500
    engine: str = 'auto'
    device: str = 'auto'
    threads: int = 1
    network_size: tuple[int, int] | None = None
    is_strict: bool = False
    roi: Roi | None = None
    ignore_mask: Path | None = None

    def __post_init__(self) -> None:
        """Check every field that needs no look into the bag."""
        unknown = [name for name in self.outputs if name not in OUTPUTS]
        if unknown or not self.outputs:
            raise ConfigError(
                f'outputs are {", ".join(self.outputs) or "none"}; expected some of '
                f'{", ".join(OUTPUTS)}'
            )
        if self.slice_images < 1:
            raise ConfigError(f'a slice has {self.slice_images} images; expected at least 1')
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ConfigError(
                f"namespace is '{self.namespace}'; expected one that begins with '/', of letters, "
                'digits and _, as /segmentation_node'
            )
        for path in self._files:
            if not path.exists():
                raise ConfigError(f'there is no {path}')
        if self.output.resolve() == self.source.resolve():
            raise ConfigError(f'{self.output} is the bag that is read; choose another output')

    @property
    def _files(self) -> tuple[Path, ...]:
        return (self.source, self.model, *filter(None, [self.ignore_mask]))

    @property
    def work_folder(self) -> Path:
        """Return where finished slices wait for the others; a second run continues from there."""
        return self.output.with_name(f'{self.output.name}.partial')

    def slices(self, times_ns: Iterable[int]) -> tuple[TimeSlice, ...]:
        """
        Return slices that cover all time exactly once, cut where images were recorded.

        times_ns: of the images, in any order. Each slice holds slice_images of them, the last one
        fewer, and more where several were recorded at one moment.
        """
        images = sorted(times_ns)
        cuts = sorted(set(images[self.slice_images :: self.slice_images]) - set(images[:1]))
        starts, stops = [None, *cuts], [*cuts, None]
        pairs = zip(starts, stops, strict=True)
        return tuple(TimeSlice(index, *pair) for index, pair in enumerate(pairs))

    def output_topics(self) -> dict[tuple[str, str], str]:
        """
        Return the topic of each output of each of the job's topics, by (topic, output).

        It is NAMESPACE/OUTPUT for a bag of one camera, as the node's; for several it has the
        camera's own namespace between: /front/image_raw gives NAMESPACE/front/mask.
        """
        namespace = self.namespace.rstrip('/')
        return {
            (topic, output): '/'.join([namespace, *_camera_parts(topic, self.topics), output])
            for topic in self.topics
            for output in self.outputs
        }

    def fingerprint(self) -> str:
        """Return a digest of all that decides what slices hold: bag, model and options."""
        values = {key: str(value) for key, value in asdict(self).items() if key != 'output'}
        for path in self._files:
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            values[f'stat {path}'] = str([(f.name, _stamp(f)) for f in files])
        return sha256_of_bytes(json.dumps(values, sort_keys=True).encode())


Task = tuple[BagJob, TimeSlice]
"""A slice to be made."""


def _camera_parts(topic: str, topics: Sequence[str]) -> list[str]:
    """Return a topic without its last part where that still tells it from the others."""
    if len(topics) == 1:
        return []
    own = _raw_topic(topic)
    parents = [_raw_topic(each).rpartition('/')[0] for each in topics]
    parent = own.rpartition('/')[0]
    return [parent if parent and parents.count(parent) == 1 else own]


def _raw_topic(topic: str) -> str:
    return topic.removesuffix('/compressed').strip('/')


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
