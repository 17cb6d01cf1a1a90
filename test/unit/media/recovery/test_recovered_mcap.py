# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Of an mcap file that was cut off anywhere, all is read that was whole before the cut."""

from contextlib import suppress
import random

from mcap_files import Form, MAGIC, mcap_file
import pytest
from rosbags.rosbag2 import Reader
from rtformer_ros.media.recovery.recovered_mcap import RecoveredMcap

TOPICS = {'/a': 'std_msgs/msg/String', '/b': 'std_msgs/msg/Empty', '/rare': 'std_msgs/msg/Bool'}
FORMS = {
    'plain': Form(),
    'lz4': Form(compression='lz4'),
    'zstd': Form(compression='zstd'),
    'no index': Form(has_index=False, compression='lz4'),
    'no crc': Form(has_crc=False),
    'no chunks': Form(chunk_messages=0),
    'one chunk': Form(chunk_messages=1000),
}
START_NS = 1_700_000_000_000_000_000


def recorded(count=60):
    """Messages that are a little out of order, as those of several publishers are."""
    generator = random.Random(3)
    rows = []
    for index in range(count):
        topic = '/rare' if index == 37 else '/a' if index % 3 else '/b'
        time_ns = START_NS + index * 1000 - generator.randrange(2500)
        rows.append((topic, time_ns, generator.randbytes(index % 23)))
    return rows


def read(path, **span):
    with Reader(path) as reader:
        rows = [(c.topic, time_ns, bytes(data)) for c, time_ns, data in reader.messages(**span)]
        counts = {c.topic: c.msgcount for c in reader.connections}
        return rows, counts, (reader.start_time, reader.end_time)


@pytest.mark.parametrize('form', FORMS.values(), ids=FORMS)
def test_a_whole_file_is_read_in_the_order_of_time(tmp_path, form):
    rows = recorded()
    path = tmp_path / 'bag.mcap'
    path.write_bytes(mcap_file(TOPICS, rows, form).content)
    recovered = RecoveredMcap(path)
    assert recovered.scan.has_end
    came, counts, (start_ns, stop_ns) = read(recovered)
    assert sorted(came) == sorted(rows)
    assert [row[1] for row in came] == sorted(row[1] for row in rows)
    assert counts == {'/a': 39, '/b': 20, '/rare': 1}
    assert (start_ns, stop_ns) == (min(r[1] for r in rows), max(r[1] for r in rows) + 1)
    middle_ns = START_NS + 30_000
    halves = read(recovered, stop=middle_ns)[0] + read(recovered, start=middle_ns)[0]
    assert halves == came


@pytest.mark.parametrize('form', FORMS.values(), ids=FORMS)
def test_all_that_was_written_before_the_cut_is_read(tmp_path, form):
    rows = recorded()
    written = mcap_file(TOPICS, rows, form)
    path = tmp_path / 'cut.mcap'
    anywhere = random.Random(5).sample(range(40, len(written.content)), 60)
    for cut in sorted({*anywhere, *(end for end, _ in written.ends)}):
        path.write_bytes(written.content[:cut])
        recovered = RecoveredMcap(path)
        came, counts, _ = read(recovered)
        expected = max((count for end, count in written.ends if end <= cut), default=0)
        assert len(came) == sum(counts.values()) == expected
        assert set(came) <= set(rows)
        assert recovered.scan.stop <= cut == recovered.size
        assert not recovered.scan.damaged


def test_zeros_that_a_power_cut_leaves_are_the_end(tmp_path):
    written = mcap_file(TOPICS, recorded(), Form())
    end, count = written.ends[3]
    path = tmp_path / 'zeros.mcap'
    for start in (end - 5, end, end + 5):
        path.write_bytes(written.content[:start].ljust(len(written.content), b'\0'))
        came, _, _ = read(RecoveredMcap(path))
        assert len(came) in (count, written.ends[2][1])
        assert len(came) == count or start < end


@pytest.mark.parametrize('form', [Form(), Form(compression='lz4'), Form(compression='zstd')])
def test_a_damaged_chunk_is_found_and_left_out(tmp_path, form):
    rows = recorded()
    written = mcap_file(TOPICS, rows, form)
    content = bytearray(written.content)
    content[written.ends[2][0] - 30] ^= 0xFF
    path = tmp_path / 'damaged.mcap'
    path.write_bytes(content)
    recovered = RecoveredMcap(path)
    first_ns, last_ns = START_NS - 10_000, START_NS + 100_000
    [damaged] = recovered.damaged_chunks(first_ns, last_ns)
    assert recovered.damaged_chunks(first_ns, START_NS + 5000) == set()
    without = RecoveredMcap(path, {damaged})
    came, _, _ = read(without)
    assert sorted(came) == sorted(rows[:20] + rows[30:])
    assert [chunk.start for chunk in without.scan.damaged] == [damaged]


@pytest.mark.parametrize('seed', range(10))
def test_damage_raises_nothing_that_is_not_expected(tmp_path, seed):
    generator = random.Random(seed)
    path = tmp_path / 'damaged.mcap'
    for form in FORMS.values():
        whole = mcap_file(TOPICS, recorded(20), form).content
        for _ in range(20):
            content = bytearray(whole)
            for _ in range(3):
                content[generator.randrange(len(content))] = generator.randrange(256)
            path.write_bytes(content)
            with suppress(ValueError):
                RecoveredMcap(path).damaged_chunks(0, 1 << 63)


@pytest.mark.parametrize('content', [b'', b'no bag' * 100, MAGIC, MAGIC + b'\0' * 100])
def test_what_is_no_mcap_is_refused(tmp_path, content):
    path = tmp_path / 'no.mcap'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'does not begin as mcap|no header'):
        RecoveredMcap(path)
