# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Of bags that were not closed all is read that is whole, and what is lost is said."""

from pathlib import Path
import sqlite3
import subprocess
import sys

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores
from rtformer_ros.errors import ImageError
from rtformer_ros.media.bag_reader import BagReader
from rtformer_ros.media.recovery.bag_files import is_bag

TYPES = get_typestore(Stores.ROS2_JAZZY)
TEXT = 'std_msgs/msg/String'
START_NS = 1_700_000_000_000_000_000
COUNT = 40


def rows(first=0, count=COUNT):
    return [
        (f'/topic_{index % 2}', START_NS + index * 1000, b'\0\1\0\0' + bytes([index % 256]) * 9000)
        for index in range(first, first + count)
    ]


def write_bag(folder, plugin=StoragePlugin.MCAP, first=0):
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        topics = [writer.add_connection(f'/topic_{i}', TEXT, typestore=TYPES) for i in range(2)]
        for index, (_, time_ns, data) in enumerate(rows(first)):
            writer.write(topics[index % 2], time_ns, data)
    return folder


def storage_of(folder):
    [path] = [each for each in folder.iterdir() if each.suffix in ('.mcap', '.db3')]
    return path


def read(path, **options):
    with BagReader(path, **options) as reader:
        came = [(c.topic, time_ns, bytes(data)) for c, time_ns, data in reader.messages()]
        counted = sum(connection.msgcount for connection in reader.connections)
        assert len({connection.id for connection in reader.connections}) == 2
        assert (reader.start_time, reader.end_time - 1) == (came[0][1], came[-1][1])
        return came, counted, reader.losses


def assert_strict_refuses(path):
    with (
        pytest.raises(ImageError, match='cannot be read as a ROS 2 bag'),
        BagReader(path, is_strict=True),
    ):
        pass


@pytest.mark.parametrize('plugin', list(StoragePlugin))
@pytest.mark.parametrize('as_file', [True, False])
def test_a_whole_bag_lacks_nothing(tmp_path, plugin, as_file):
    folder = write_bag(tmp_path / 'bag', plugin)
    path = storage_of(folder) if as_file else folder
    assert read(path) == read(path, is_strict=True) == (rows(), COUNT, [])


@pytest.mark.parametrize('plugin', list(StoragePlugin))
def test_a_folder_without_description_is_read_whole(tmp_path, plugin):
    folder = write_bag(tmp_path / 'bag', plugin)
    (folder / 'metadata.yaml').unlink()
    came, counted, losses = read(folder)
    assert (came, counted) == (rows(), COUNT)
    assert losses == [
        f'{folder} was not closed properly (Expected metadata file {str(folder)!r} does not '
        'exist.): 40 messages up to 2023-11-14T22:13:20+00:00 are read'
    ]
    assert_strict_refuses(folder)


@pytest.mark.parametrize(
    'description', [b'', b'nothing: here', b'a: &a [1]\nb: *a', b'\xff', b'{' * 5000]
)
def test_a_broken_description_is_done_without(tmp_path, description):
    folder = write_bag(tmp_path / 'bag')
    (folder / 'metadata.yaml').write_bytes(description)
    came, counted, losses = read(folder)
    assert (came, counted, len(losses)) == (rows(), COUNT, 1)
    assert_strict_refuses(folder)


@pytest.mark.parametrize('as_file', [True, False])
def test_a_truncated_mcap_is_read_up_to_the_cut(tmp_path, as_file):
    folder = tmp_path / 'bag'
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = [writer.add_connection(f'/topic_{i}', TEXT, typestore=TYPES) for i in range(2)]
        for index in range(300):
            data = b'\0\1\0\0' + bytes(19_996)
            writer.write(topics[index % 2], START_NS + index, data)
    file = storage_of(folder)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    # As a recorder leaves it, which describes a bag when it closes it.
    (folder / 'metadata.yaml').unlink()
    came, counted, losses = read(file if as_file else folder)
    # A chunk holds 53 messages: the third is the last whole one.
    assert counted == len(came) == 3 * 53
    assert [row[1] for row in came] == [START_NS + index for index in range(3 * 53)]
    assert '159 messages up to' in losses[0]
    assert f'of {len(content) * 2 // 3} bytes are lost' in losses[1]
    assert_strict_refuses(file if as_file else folder)


@pytest.mark.parametrize('as_file', [True, False])
def test_an_mcap_that_was_cut_before_its_first_messages_says_so(tmp_path, as_file):
    folder = write_bag(tmp_path / 'bag')
    file = storage_of(folder)
    file.write_bytes(file.read_bytes()[:200])
    (folder / 'metadata.yaml').unlink()
    lost = (
        r'nothing of it can be recovered: .*it was cut off, and its last \d+ of 200 bytes are lost'
    )
    with pytest.raises(ImageError, match=lost), BagReader(file if as_file else folder):
        pass
    assert_strict_refuses(file if as_file else folder)


def test_files_of_a_split_bag_are_read_one_after_the_other(tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    for number in range(12):
        part = write_bag(tmp_path / f'part_{number}', first=number * 100)
        storage_of(part).rename(folder / f'bag_{number}.mcap')
    last = folder / 'bag_11.mcap'
    last.write_bytes(last.read_bytes()[:100])
    (folder / 'bag_12.mcap').write_bytes(b'')
    came, counted, losses = read(folder)
    assert came == [row for number in range(11) for row in rows(number * 100)]
    assert counted == 11 * COUNT
    assert [str(folder / f'bag_{n}.mcap') in losses[i] for i, n in ((1, 11), (2, 12))] == [
        True
    ] * 2


def test_damage_in_the_middle_is_left_out_with_a_warning(tmp_path, caplog):
    folder = tmp_path / 'bag'
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        topics = [writer.add_connection(f'/topic_{i}', TEXT, typestore=TYPES) for i in range(2)]
        for index in range(300):
            data = b'\0\1\0\0' + bytes(19_996)
            writer.write(topics[index % 2], START_NS + index, data)
    file = storage_of(folder)
    content = bytearray(file.read_bytes())
    # The second chunk: rosbags compresses each to some hundred bytes.
    places = [i for i in range(len(content)) if content[i : i + 4] == b'\x28\xb5\x2f\xfd']
    content[places[1] : places[1] + 4] = b'none'
    file.write_bytes(content)
    came, _, losses = read(folder)
    assert losses == []
    assert [row[1] - START_NS for row in came] == [*range(53), *range(106, 300)]
    assert '1 damaged chunk(s)' in caplog.text
    with BagReader(folder) as reader:
        # What does not touch the damage needs no second look.
        assert len(list(reader.messages(stop=START_NS + 50))) == 50
    with (
        pytest.raises(ImageError, match='cannot be read'),
        BagReader(folder, is_strict=True) as reader,
    ):
        list(reader.messages())


WRITE_AND_DIE = """
import os, sqlite3, sys
path, mode, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
database = sqlite3.connect(path)
database.execute(f'PRAGMA journal_mode = {mode}')
database.execute('PRAGMA wal_autocheckpoint = 0')
database.execute('PRAGMA cache_size = 5')
row = 'INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)'
for index in range(first, first + count):
    data = bytes([0, 1, 0, 0]) + bytes([index % 256]) * 9000
    database.execute(row, (index % 2 + 1, 1_700_000_000_000_000_000 + index * 1000, data))
if mode == 'WAL':
    database.commit()
os._exit(0)
"""


def write_and_die(path, mode, first=COUNT, count=COUNT):
    """Add messages as a recorder does that loses its power."""
    command = [sys.executable, '-c', WRITE_AND_DIE, str(path), mode, str(first), str(count)]
    subprocess.run(command, check=True)


@pytest.mark.parametrize('as_file', [True, False])
def test_messages_in_the_log_of_a_database_are_read(tmp_path, as_file):
    folder = write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3)
    file = storage_of(folder)
    write_and_die(file, 'WAL')
    before = {each: each.read_bytes() for each in folder.iterdir()}
    assert file.with_name(f'{file.name}-wal') in before
    path = file if as_file else folder
    came, counted, losses = read(path)
    assert (came, counted) == (rows(0, 2 * COUNT), 2 * COUNT)
    assert 'the journal of bag.db3 was never applied' in losses[0]
    assert {each: each.read_bytes() for each in folder.iterdir()} == before
    assert_strict_refuses(path)


def test_a_change_that_was_never_finished_is_taken_back(tmp_path):
    folder = write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3)
    file = storage_of(folder)
    write_and_die(file, 'DELETE', count=200)
    assert file.with_name(f'{file.name}-journal').stat().st_size > 0
    assert read(folder)[:2] == (rows(), COUNT)


@pytest.mark.parametrize('share', [0.4, 0.7, 0.95])
def test_a_truncated_database_gives_its_first_messages(tmp_path, share):
    file = storage_of(write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    came, counted, losses = read(file)
    assert counted == len(came)
    assert came == rows()[: len(came)]
    assert len(came) >= int(COUNT * share) - 6
    assert 'its rows were recovered' in losses[1]


def test_a_page_of_zeros_costs_the_messages_on_it(tmp_path):
    file = storage_of(write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3))
    content = bytearray(file.read_bytes())
    # 9000 bytes take more than one page, so that a page belongs to one message.
    place = content.index(bytes([20]) * 4000)
    start = place // 4096 * 4096
    content[start : start + 4096] = bytes(4096)
    file.write_bytes(content)
    came, _, _ = read(file)
    assert set(came) <= set(rows()) | {row for row in came if b'\0' * 100 in row[2]}
    assert len(came) >= COUNT - 2


def test_a_recovered_database_is_made_once(tmp_path):
    file = storage_of(write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3))
    write_and_die(file, 'WAL')
    work = tmp_path / 'work'
    work.mkdir()
    read(file, work_folder=work)
    [copy] = work.iterdir()
    made_at = copy.stat().st_mtime_ns
    read(file, work_folder=work)
    assert [each.stat().st_mtime_ns for each in work.iterdir()] == [made_at]
    with sqlite3.connect(file) as database:
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    write_and_die(file, 'WAL', first=2 * COUNT, count=10)
    assert read(file, work_folder=work)[1] == 2 * COUNT + 10


@pytest.mark.parametrize('name', ['no.mcap', 'no.db3', 'folder'])
def test_what_holds_no_bag_is_refused(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == 'folder' else path.write_bytes(b'no bag' * 100)
    with pytest.raises(ImageError, match=f'{name} cannot be read as a ROS 2 bag'), BagReader(path):
        pass
    with (
        pytest.raises(ImageError, match=r'missing\.mcap cannot be read as a ROS 2 bag'),
        BagReader(tmp_path / 'missing.mcap'),
    ):
        pass


def test_what_is_a_bag(tmp_path):
    folder = write_bag(tmp_path / 'bag')
    assert is_bag(folder)
    assert is_bag(storage_of(folder))
    (folder / 'metadata.yaml').unlink()
    assert is_bag(folder)
    assert not is_bag(tmp_path)
    assert not is_bag(Path('/dev/null'))
    assert not is_bag(tmp_path / 'missing.mcap')


def test_a_folder_without_any_bag_is_told_what_a_bag_is(tmp_path):
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures' / 'a.png').write_bytes(b'')
    with (
        pytest.raises(ImageError, match=r'pictures cannot .*metadata\.yaml and \.mcap or \.db3'),
        BagReader(tmp_path / 'pictures'),
    ):
        pass
