# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 bags opened to read and to write; every exception of rosbags is translated here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import shutil
import sqlite3
from typing import Any, Literal, TYPE_CHECKING

from rtformer_ros.errors import ConfigError, listed
from rtformer_ros.media.bag import COMPRESSED_IMAGE, IMAGE
from rtformer_ros.media.bag_reader import BagReader

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Writer
    from rosbags.typesys.store import Typestore
    from rtformer_ros.bags.job import BagJob

_VERSION: Literal[9] = 9
_PLUGINS = {'.mcap': 'MCAP', '.db3': 'SQLITE3'}


def open_bag(job: BagJob) -> BagReader:
    """Return a reader of a job's source, to be used in a `with` block; see BagReader."""
    return BagReader(job.source, is_strict=job.is_strict, work_folder=job.work_folder)


def image_topics(reader: BagReader, path: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """
    Return the topics to segment, sorted; a raw topic goes before its compressed form.

    Raises ConfigError where a wanted one is missing or there is none.
    """
    kinds = {c.topic: c.msgtype for c in reader.connections}
    images = sorted(topic for topic, kind in kinds.items() if kind in (IMAGE, COMPRESSED_IMAGE))
    missing = [topic for topic in wanted if topic not in images]
    if missing or not images:
        raise ConfigError(
            f'{path} has no images on {listed(missing) or "any topic"}; its image topics are: '
            f'{listed(images) or "none"}'
        )
    if wanted:
        return tuple(sorted(set(wanted)))
    return tuple(t for t in images if t.removesuffix('/compressed') not in set(images) - {t})


@contextmanager
def new_bag(output: Path, like: Path) -> Iterator[Writer]:
    """
    Write a bag that appears whole or not at all.

    output: a folder, or a file whose suffix names the storage. like: the bag whose storage a
    folder gets. Raises ConfigError where the output exists or cannot be written.
    """
    from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

    if output.exists():
        raise ConfigError(f'{output} exists already; remove it or choose another name')
    as_file = output.suffix in _PLUGINS
    plugin = StoragePlugin[_PLUGINS[output.suffix if as_file else _suffix(like)]]
    folder = output.with_name(f'{output.name}.writing')
    shutil.rmtree(folder, ignore_errors=True)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with Writer(folder, version=_VERSION, storage_plugin=plugin) as writer:
            yield writer
        _put_in_place(folder, output, as_file=as_file)
    except (WriterError, OSError, sqlite3.Error) as error:
        raise ConfigError(f'{output} cannot be written: {error}') from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_connection(writer: Writer, connection: Connection, types: Typestore) -> Connection:
    """Offer a topic of the source in the new bag, definition, hash and QoS as they were."""
    extra: Any = connection.ext
    definition, digest = connection.msgdef.data, connection.digest
    if not definition and connection.msgtype in types.fielddefs:
        definition, _ = types.generate_msgdef(connection.msgtype, ros_version=2)
    return writer.add_connection(
        connection.topic,
        connection.msgtype,
        msgdef=definition,
        # Bags from before Iron know no hashes; readers take an unknown one for no check.
        rihs01=digest or _hash(connection.msgtype, types),
        serialization_format=extra.serialization_format,
        offered_qos_profiles=extra.offered_qos_profiles,
    )


def _hash(message_type: str, types: Typestore) -> str:
    if message_type in types.fielddefs:
        return types.hash_rihs01(message_type)
    return f'RIHS01_{"0" * 64}'


def _suffix(path: Path) -> str:
    if path.suffix in _PLUGINS:
        return path.suffix
    suffixes = {p.suffix for p in path.iterdir()} if path.is_dir() else set()
    return '.db3' if '.db3' in suffixes else '.mcap'


def _put_in_place(folder: Path, output: Path, *, as_file: bool) -> None:
    if as_file:
        next(p for p in folder.iterdir() if p.suffix == output.suffix).replace(output)
        return
    for path in folder.iterdir():
        if path.stem == folder.name:
            _rename_storage(path, folder, output)
    folder.replace(output)


def _rename_storage(path: Path, folder: Path, output: Path) -> None:
    """Give the storage the name of the bag, in the bag's description too."""
    named = path.with_name(f'{output.name}{path.suffix}')
    path.rename(named)
    description = folder / 'metadata.yaml'
    text = description.read_text(encoding='utf-8')
    description.write_text(text.replace(path.name, named.name), encoding='utf-8')
