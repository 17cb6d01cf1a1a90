# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bags as robots bring them home: depth beside colour, hours of nothing, broken messages."""

from pathlib import Path
import sqlite3

import numpy as np
import pytest
from recorded_bags import (
    COUNT,
    header,
    IMAGE,
    image,
    is_added,
    message,
    PERIOD_NS,
    PICTURES,
    process,
    read,
    SIZE,
    small_model,
    START_NS,
    TYPES,
    write_bag,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rtformer_ros.bags.bag_run import prepare_run
from rtformer_ros.bags.job import BagJob
from rtformer_ros.errors import ConfigError
from rtformer_ros.media.bag import BagImages
import yaml

HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp('model'))


def depth(index):
    return message(
        IMAGE, header=header(index), height=SIZE[0], width=SIZE[1], encoding='16UC1',
        is_bigendian=0, step=SIZE[1] * 2, data=np.full(SIZE[0] * SIZE[1] * 2, 7, np.uint8),
    )  # fmt: skip


def rgbd_bag(path, count=6):
    """Depth comes first by name."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        names = ('/camera/aligned_depth/image_raw', '/camera/color/image_raw')
        far, colour = (writer.add_connection(name, IMAGE, typestore=TYPES) for name in names)
        for index in range(count):
            time_ns = START_NS + index * PERIOD_NS
            writer.write(far, time_ns, TYPES.serialize_cdr(depth(index), IMAGE))
            writer.write(colour, time_ns, TYPES.serialize_cdr(image(index), IMAGE))
    return path


def added(path):
    return [row[0] for row in read(path) if is_added(row)]


def test_depth_is_left_out_and_colour_keeps_the_plain_name(model, tmp_path):
    bag = rgbd_bag(tmp_path / 'rgbd')
    log = process(model, bag, tmp_path / 'out')
    assert added(tmp_path / 'out') == ['/segmentation_node/mask'] * 6
    assert 'left out' not in log
    assert BagImages(bag).topic == '/camera/color/image_raw'


def test_own_output_is_not_segmented_again(model, tmp_path):
    bag = rgbd_bag(tmp_path / 'rgbd')
    process(model, bag, tmp_path / 'once')
    log = process(model, tmp_path / 'once', tmp_path / 'twice', exit_code=1)
    assert '/segmentation_node/mask would be written, which the bag has already' in log
    assert not (tmp_path / 'twice').exists()
    process(model, tmp_path / 'once', tmp_path / 'twice', '--namespace', '/second')
    assert sum(row[0] == '/second/mask' for row in read(tmp_path / 'twice')) == 6


def test_slices_follow_the_images_not_the_hours():
    job = BagJob(Path(__file__), Path('/nowhere'), Path(__file__), slice_images=3)
    one, *others = job.slices([START_NS, START_NS + HOUR_NS, START_NS + 2 * HOUR_NS])
    assert (others, one.start_ns, one.stop_ns) == ([], None, None)
    times = [START_NS + index * HOUR_NS for index in range(10)]
    slices = job.slices(reversed(times))
    held = [[t for t in times if (s.start_ns or 0) <= t < (s.stop_ns or 1 << 63)] for s in slices]
    assert held == [times[0:3], times[3:6], times[6:9], times[9:]]
    assert len(job.slices([START_NS] * 50)) == 1


def test_broken_messages_cost_themselves_alone(model, tmp_path):
    path = tmp_path / 'broken'
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        camera = writer.add_connection('/image', IMAGE, typestore=TYPES)
        for index in range(6):
            data = bytes(TYPES.serialize_cdr(image(index), IMAGE))
            broken = {0: b'', 2: data[:40], 4: b'\x00'}.get(index, data)
            writer.write(camera, START_NS + index * PERIOD_NS, broken)
    log = process(model, path, tmp_path / 'out')
    assert len(added(tmp_path / 'out')) == 3
    assert log.count('is left out') == 3
    assert 'Traceback' not in log
    played = [frame.image_hwc for frame in BagImages(path)]
    assert [p.tolist() for p in played] == [PICTURES[i].tolist() for i in (1, 3, 5)]


def test_topic_without_a_definition_stays_without(model, tmp_path):
    """As Humble records a type of its own: neither definition nor hash are anywhere."""
    source = write_bag(tmp_path / 'humble', StoragePlugin.SQLITE3)
    with sqlite3.connect(source / 'humble.db3') as database:
        database.execute('DELETE FROM message_definitions')
        database.execute("UPDATE topics SET type_description_hash = ''")
    database.close()
    text = (source / 'metadata.yaml').read_text()
    facts = yaml.safe_load(text)
    for topic in facts['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['topic_metadata']['type_description_hash'] = ''
    (source / 'metadata.yaml').write_text(yaml.safe_dump(facts))
    process(model, source, tmp_path / 'out')
    with Reader(tmp_path / 'out') as reader:
        assert {(c.msgdef.data, c.digest) for c in reader.connections} == {('', '')}
    assert len([*BagImages(tmp_path / 'out')]) == COUNT
    before = [(row[0], row[4]) for row in read(source)]
    assert [(row[0], row[4]) for row in read(tmp_path / 'out') if not is_added(row)] == before


def test_result_of_a_run_that_was_killed_at_its_very_end_is_its_own(model, tmp_path):
    bag = rgbd_bag(tmp_path / 'rgbd')
    output, work = tmp_path / 'out', tmp_path / 'out.partial'
    process(model, bag, output)
    job = BagJob(bag, output, model, engine='onnxruntime')
    with pytest.raises(ConfigError, match='exists already'):
        prepare_run(job)
    # What a run leaves that is killed between its last rename and its end.
    output.rename(tmp_path / 'aside')
    work.mkdir()
    prepare_run(job)
    (tmp_path / 'aside').rename(output)
    assert '6 messages added' in process(model, bag, output)
    assert not work.exists()
    assert 'exists already' in process(model, bag, output, exit_code=1)
