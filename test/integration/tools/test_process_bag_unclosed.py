# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bags that were not closed, as robots bring them home after a power cut, go through the tool."""

import re
import shutil
import sqlite3

import pytest
from recorded_bags import (
    COUNT,
    IMAGE,
    image,
    is_added,
    PERIOD_NS,
    process,
    read,
    small_model,
    START_NS,
    TEXT,
    TYPES,
    write_bag,
)
from rosbags.rosbag2 import StoragePlugin, Writer


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp('model'))


def after_power_cut(folder, cut_bytes):
    """Take from a bag what a recorder writes last: the end of its file, and the description."""
    (folder / 'metadata.yaml').unlink()
    [file] = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-cut_bytes])
    return file


@pytest.mark.parametrize('as_file', [True, False])
def test_what_is_whole_of_a_truncated_bag_is_done(tmp_path, model, as_file):
    source = tmp_path / 'in'
    rows = []
    with Writer(source, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        camera = writer.add_connection('/front/image_raw', IMAGE, typestore=TYPES)
        chatter = writer.add_connection('/chatter', TEXT, typestore=TYPES)
        # As much as three chunks hold; the cut goes through the last one.
        for index in range(250):
            time_ns = START_NS + index * PERIOD_NS
            picture = TYPES.serialize_cdr(image(index % COUNT), IMAGE)
            rows += [('/front/image_raw', time_ns, bytes(picture)), ('/chatter', time_ns, b'text')]
            writer.write(camera, time_ns, picture)
            writer.write(chatter, time_ns, b'text')
    file = after_power_cut(source, 100_000)
    output = tmp_path / 'out.mcap'
    given = file if as_file else source
    refused = process(model, given, output, '--strict', exit_code=1)
    assert 'cannot be read as a ROS 2 bag' in refused
    assert not output.exists()
    log = process(model, given, output, '--slice-images', 40, '--workers', 2)
    after = read(output)
    kept = [(row[0], row[3], row[4]) for row in after if not is_added(row)]
    assert 300 < len(kept) < 500
    assert kept == rows[: len(kept)]
    assert sum(map(is_added, after)) == sum(row[0] == '/front/image_raw' for row in kept)
    assert f'{len(kept)} messages up to' in log
    assert re.search(r'its last \d+ of \d+ bytes are lost', log)
    assert 'Traceback' not in log


def test_messages_in_the_log_of_a_database_are_done_too(tmp_path, model):
    source = write_bag(tmp_path / 'in', StoragePlugin.SQLITE3)
    file = source / 'in.db3'
    before = read(source)
    # As a recorder leaves it that is killed: nothing was put into the file yet.
    last = sqlite3.connect(file)
    last.execute('PRAGMA journal_mode = WAL')
    late = TYPES.serialize_cdr(image(0), IMAGE)
    last.execute(
        'INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?, ?)',
        (START_NS + 100 * PERIOD_NS, late),
    )
    last.commit()
    killed = tmp_path / 'killed'
    shutil.copytree(source, killed)
    last.close()
    (killed / 'metadata.yaml').unlink()
    log = process(model, killed, tmp_path / 'out', '--slice-images', 40, '--workers', 2)
    after = read(tmp_path / 'out')
    kept = [row for row in after if not is_added(row)]
    assert [(row[0], row[3], row[4]) for row in kept[:-1]] == [(r[0], r[3], r[4]) for r in before]
    assert kept[-1][3:] == (START_NS + 100 * PERIOD_NS, bytes(late))
    assert sum(map(is_added, after)) == COUNT + 1
    assert 'the journal of in.db3 was never applied' in log
    assert not (tmp_path / 'out.partial').exists()
