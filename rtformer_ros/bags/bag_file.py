# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 bags opened to read and to write; every exception of rosbags is translated here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import shutil
import sqlite3
from typing import TYPE_CHECKING

from rtformer_ros.bags.bag_writer import bag_writer
from rtformer_ros.errors import ConfigError
from rtformer_ros.media.bag_reader import BagReader

if TYPE_CHECKING:
    from rosbags.rosbag2 import Writer
    from rtformer_ros.bags.job import BagJob

_PLUGINS = {'.mcap': 'MCAP', '.db3': 'SQLITE3'}


def open_bag(job: BagJob) -> BagReader:
    """Return a reader of a job's source, to be used in a `with` block; see BagReader."""
    return BagReader(job.source, is_strict=job.is_strict, work_folder=job.work_folder)


@contextmanager
def new_bag(output: Path, like: Path) -> Iterator[Writer]:
    """
    Write a bag that appears whole or not at all.

    output: a folder, or a file whose suffix names the storage. like: the bag whose storage a
    folder gets. Raises ConfigError where the output exists or cannot be written.
    """
    from rosbags.rosbag2 import StoragePlugin, WriterError

    if output.exists():
        raise ConfigError(f'{output} exists already; remove it or choose another name')
    as_file = output.suffix in _PLUGINS
    plugin = StoragePlugin[_PLUGINS[output.suffix if as_file else _suffix(like)]]
    folder = output.with_name(f'{output.name}.writing')
    shutil.rmtree(folder, ignore_errors=True)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with bag_writer(folder, plugin) as writer:
            yield writer
        _put_in_place(folder, output, as_file=as_file)
    except (WriterError, OSError, sqlite3.Error) as error:
        raise ConfigError(f'{output} cannot be written: {error}') from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
