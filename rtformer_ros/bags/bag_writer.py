# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Writer of bags whose topics stay readable by what read them before: nothing is invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TYPE_CHECKING

from rtformer_ros.media.image_topics import IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys.store import Typestore

# rosbags insists on a hash; this one never reaches the bag.
_NO_HASH = 'none'


def bag_writer(folder: Path, plugin: StoragePlugin) -> Writer:
    """
    Return a writer of a bag, to be used in a `with` block.

    Raises what rosbags raises where the folder cannot be written.
    """
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.rosbag2.storage_mcap import McapWriter, Schema, write_schema
    from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer

    class Sqlite(Sqlite3Writer):
        def add_msgtype(self, connection: Connection) -> None:
            if connection.msgdef.data:
                super().add_msgtype(connection)

        def add_connection(self, connection: Connection, offered_qos_profiles: str) -> None:
            super().add_connection(_without_invention(connection), offered_qos_profiles)

    class Mcap(McapWriter):
        def add_msgtype(self, connection: Connection) -> None:
            if connection.msgdef.data:
                super().add_msgtype(connection)
                return
            # As the format has it where no definition is at hand.
            self.schemas.append(Schema(len(self.schemas) + 1, connection.msgtype, '', ''))
            write_schema(self.chunk.bio, self.schemas[-1])

    class Bag(Writer):
        STORAGE_PLUGINS = {StoragePlugin.SQLITE3: Sqlite, StoragePlugin.MCAP: Mcap}  # noqa: RUF012

        def close(self) -> None:
            self.connections = [_without_invention(each) for each in self.connections]
            super().close()

    # The last version that Humble reads; those after it read it too.
    return Bag(folder, version=8, storage_plugin=plugin)


def copy_connection(writer: Writer, connection: Connection) -> Connection:
    """Offer a topic of a source in the new bag: definition, hash and QoS as they were, or none."""
    extra: Any = connection.ext
    return writer.add_connection(
        connection.topic,
        connection.msgtype,
        msgdef=connection.msgdef.data,
        rihs01=connection.digest or _NO_HASH,
        serialization_format=extra.serialization_format,
        offered_qos_profiles=extra.offered_qos_profiles,
    )


def add_image_topic(
    writer: Writer, topic: str, types: Typestore, like: Sequence[Connection]
) -> Connection:
    """
    Offer a topic of images in the new bag.

    like: topics of the source. Where none of them has a definition, this one gets none either:
    readers take their own definitions for a bag that brings none, and only then.
    """
    if like and not any(each.msgdef.data for each in like):
        return writer.add_connection(topic, IMAGE, msgdef='', rihs01=_NO_HASH)
    return writer.add_connection(topic, IMAGE, typestore=types)


def _without_invention(connection: Connection) -> Connection:
    return connection._replace(digest='') if connection.digest == _NO_HASH else connection
