# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Output bag: its source's messages and what was made of its slices, put together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rtformer_ros.bags.bag_file import new_bag, open_bag
from rtformer_ros.bags.bag_writer import add_image_topic, copy_connection
from rtformer_ros.bags.slice_file import SliceFile
from rtformer_ros.media.bag_reader import message_types

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Writer
    from rtformer_ros.bags.job import BagJob, TimeSlice
    from rtformer_ros.bags.slice_file import Kind
    from rtformer_ros.media.bag_reader import BagReader


def assemble(job: BagJob, parts: Sequence[TimeSlice], kinds: AbstractSet[Kind]) -> int:
    """
    Write the output bag and return how many messages were added.

    Every message of the source is in it, byte by byte and at its time of recording; each output
    follows the image that it was made from, at the same time. kinds: of what was made.
    Raises RtformerError where a slice is missing or a bag cannot be read or written.
    """
    added = 0
    with open_bag(job) as reader, new_bag(job.output, job.source) as writer:
        copies = {c.id: copy_connection(writer, c) for c in reader.connections}
        outputs = _add_outputs(writer, job, reader, kinds)
        for part in parts:
            numbers = Counter[str]()
            with SliceFile(job.work_folder / part.file_name) as made:
                for connection, time_ns, data in reader.messages(
                    start=part.start_ns, stop=part.stop_ns
                ):
                    writer.write(copies[connection.id], time_ns, data)
                    if connection.topic not in job.topics:
                        continue
                    number = numbers[connection.topic]
                    numbers[connection.topic] += 1
                    for output, cdr in made.made(connection.topic, number):
                        writer.write(outputs[connection.topic, output], time_ns, cdr)
                        added += 1
    return added


def _add_outputs(
    writer: Writer, job: BagJob, reader: BagReader, kinds: AbstractSet[Kind]
) -> dict[Kind, Connection]:
    return {
        kind: add_image_topic(writer, topic, message_types(), reader.connections)
        for kind, topic in job.output_topics().items()
        if kind in kinds
    }
