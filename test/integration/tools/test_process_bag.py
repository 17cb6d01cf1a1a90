# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bags go through the tool as a user calls it, on one process, several, and a Ray cluster."""

import fcntl
import os
from pathlib import Path
import signal
import subprocess
import time

import cv2
import numpy as np
import pytest
from recorded_bags import (
    command,
    COUNT,
    digests,
    header,
    IMAGE,
    image,
    is_added,
    PERIOD_NS,
    PICTURES,
    process,
    read,
    ROOT,
    SIZE,
    small_model,
    START_NS,
    TYPES,
    write_bag,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from warden import marked_processes


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp('bags') / 'drive')


@pytest.fixture(scope='module')
def done_alone(bag, model, tmp_path_factory):
    """What one process makes of the bag, in slices of 5 images."""
    output = tmp_path_factory.mktemp('alone') / 'out.mcap'
    log = process(model, bag, output, '--outputs', 'mask', 'confidence', '--slice-images', 5)
    assert f'{2 * COUNT} messages added' in log
    return read(output)


@pytest.mark.parametrize('plugin', list(StoragePlugin))
@pytest.mark.parametrize('as_file', [True, False])
def test_everything_else_passes_byte_by_byte(tmp_path, model, plugin, as_file):
    source = write_bag(tmp_path / 'in', plugin)
    suffix = '.mcap' if plugin is StoragePlugin.MCAP else '.db3'
    output = tmp_path / (f'out{suffix}' if as_file else 'out')
    process(model, source, output)
    before, after = read(source), read(output)
    assert [row for row in after if not is_added(row)] == before
    assert sum(map(is_added, after)) == COUNT
    assert output.is_file() == as_file
    # Reading a lone file, the library looks for no hash.
    if not as_file:
        assert digests(output) == digests(source) == {'/thing': f'RIHS01_{"ab" * 32}'}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(['in', output.name])


def test_masks_are_the_engines_under_the_images_stamps(bag, model, done_alone):
    engine = open_engine(EngineRequest(model, threads=1))
    try:
        segmenter = Segmenter(engine, SegmentSettings())
        expected = [segmenter.segment(picture) for picture in PICTURES]
    finally:
        engine.close()
    for output, field in (('mask', 'class_map_hw'), ('confidence', 'confidence_hw')):
        rows = [row for row in done_alone if row[0] == f'/segmentation_node/{output}']
        assert [row[3] for row in rows] == [START_NS + i * PERIOD_NS for i in range(COUNT)]
        for index, row in enumerate(rows):
            mask = TYPES.deserialize_cdr(row[4], IMAGE)
            assert mask.header == header(index)
            assert (mask.encoding, mask.height, mask.width, mask.step) == ('mono8', *SIZE, SIZE[1])
            want = getattr(expected[index], field)
            np.testing.assert_array_equal(mask.data.reshape(SIZE), want)


def test_a_region_and_what_is_not_ignored_are_segmented(tmp_path, bag, model):
    ignored_hw = np.zeros(SIZE, np.uint8)
    ignored_hw[:, 40:] = 9
    cv2.imwrite(str(tmp_path / 'ignored.png'), ignored_hw)
    options = ('--roi', 0.25, 0.5, 1, 1, '--ignore-mask', tmp_path / 'ignored.png')
    process(model, bag, tmp_path / 'out.mcap', *options)
    masks = [
        TYPES.deserialize_cdr(r[4], IMAGE).data.reshape(SIZE)
        for r in read(tmp_path / 'out.mcap')
        if is_added(r)
    ]
    engine = open_engine(EngineRequest(model, threads=1))
    try:
        segmenter = Segmenter(engine, SegmentSettings(output_size=(24, 48)))
        crops = [segmenter.segment(picture[24:, 16:].copy()) for picture in PICTURES]
    finally:
        engine.close()
    assert len(masks) == COUNT
    for mask, crop in zip(masks, crops, strict=True):
        expected = np.full(SIZE, 255, np.uint8)
        expected[24:, 16:40] = crop.class_map_hw[:, :24]
        np.testing.assert_array_equal(mask, expected)
    log = process(model, bag, tmp_path / 'no.mcap', '--roi', 0.5, 0, 0.5, 1, exit_code=1)
    assert 'left < right' in log
    log = process(model, bag, tmp_path / 'no.mcap', '--ignore-mask', 'no.png', exit_code=1)
    assert 'no.png' in log


def test_several_processes_make_the_same(tmp_path, bag, model, done_alone):
    output = tmp_path / 'out.mcap'
    options = ('--outputs', 'mask', 'confidence', '--slice-images', 5)
    process(model, bag, output, *options, '--workers', 2)
    assert read(output) == done_alone


def test_an_unreadable_image_is_told_and_the_rest_is_done(tmp_path, model):
    source = write_bag(tmp_path / 'in', broken={3, 9})
    log = process(model, source, tmp_path / 'out.mcap')
    assert '/front/image_raw, image 3 is left out' in log
    after = read(tmp_path / 'out.mcap')
    masked = [TYPES.deserialize_cdr(r[4], IMAGE).header.stamp.sec for r in after if is_added(r)]
    assert masked == [i for i in range(COUNT) if i not in (3, 9)]
    assert [row for row in after if not is_added(row)] == read(source)


def wait_for(condition, process):
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, 'it ended before'
        time.sleep(0.05)
    pytest.fail('it did not come to that within a minute')


def test_a_killed_run_goes_on_where_it_was(tmp_path, bag, model, done_alone):
    output = tmp_path / 'out.mcap'
    options = ('--outputs', 'mask', 'confidence', '--slice-images', 5)
    partial = tmp_path / 'out.mcap.partial'
    with subprocess.Popen(
        command(model, bag, output, *options), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        wait_for(lambda: list(partial.glob('slice_*.sqlite')), running)
        running.kill()
    finished = {p.name: p.stat().st_mtime_ns for p in partial.glob('slice_*.sqlite')}
    assert finished
    assert not output.exists()
    log = process(model, bag, output, *options)
    assert f'{len(finished)} made before' in log
    assert read(output) == done_alone
    assert not partial.exists()


@pytest.fixture(scope='module')
def long_bag(tmp_path_factory):
    """Return a bag that takes a worker longer than a test has patience."""
    source = tmp_path_factory.mktemp('long') / 'in'
    with Writer(source, version=9) as writer:
        camera = writer.add_connection('/front/image_raw', IMAGE, typestore=TYPES)
        picture = TYPES.serialize_cdr(image(0), IMAGE)
        for index in range(2000):
            writer.write(camera, START_NS + index, picture)
    return source


def test_workers_end_with_a_killed_parent(tmp_path, long_bag, model):
    mark = f'{tmp_path}/mark'
    with subprocess.Popen(
        command(model, long_bag, tmp_path / 'out.mcap', '--workers', 2), cwd=ROOT,
        env={**os.environ, 'MARK_OF_THIS_RUN': mark}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        wait_for(lambda: list(tmp_path.glob('out.mcap.partial/slice_*.sqlite.*')), running)
        running.kill()
    give_up_s = time.monotonic() + 20
    while left := marked_processes(mark, 'MARK_OF_THIS_RUN'):
        assert time.monotonic() < give_up_s, f'{left} are left'
        time.sleep(0.05)


def test_ctrl_c_does_not_wait_for_the_workers(tmp_path, long_bag, model):
    source, output = long_bag, tmp_path / 'out.mcap'
    partial = tmp_path / 'out.mcap.partial'
    with subprocess.Popen(
        command(model, source, output, '--workers', 2), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        wait_for(lambda: list(partial.glob('slice_*.sqlite.*')), running)
        running.send_signal(signal.SIGINT)
        log, _ = running.communicate(timeout=60)
    assert running.returncode == 130, log
    assert 'the same command goes on' in log
    assert 'Traceback' not in log
    # The slice that was in hand holds the whole bag.
    assert not list(partial.glob('slice_*.sqlite'))


def test_one_run_at_a_time_works_on_an_output(tmp_path, bag, model):
    partial = tmp_path / 'out.mcap.partial'
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert 'another run' in process(model, bag, tmp_path / 'out.mcap', exit_code=1)
        assert partial.is_dir()
    finally:
        os.close(descriptor)
    process(model, bag, tmp_path / 'out.mcap')
    assert not partial.exists()


def test_messages_of_one_moment_keep_their_order_and_their_masks(tmp_path, model):
    source, output = tmp_path / 'in', tmp_path / 'out'
    with Writer(source, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        cameras = [
            writer.add_connection(f'/{name}/image_raw', IMAGE, typestore=TYPES) for name in 'ab'
        ]
        for index in range(COUNT):
            time_ns = START_NS + index // 6 * PERIOD_NS
            writer.write(cameras[index % 5 % 2], time_ns, TYPES.serialize_cdr(image(index), IMAGE))
    process(model, source, output, '--slice-images', 2)
    after = read(output)
    assert [row for row in after if not is_added(row)] == read(source)
    stamps = [TYPES.deserialize_cdr(row[4], IMAGE).header.stamp.sec for row in after]
    assert stamps == [index for index in range(COUNT) for _ in range(2)]


def test_parts_of_another_model_or_option_do_not_count(tmp_path, bag, model):
    output = tmp_path / 'out.mcap'
    partial = tmp_path / 'out.mcap.partial'
    partial.mkdir()
    (partial / 'job.sha256').write_text('another')
    (partial / 'slice_000000.sqlite').write_bytes(b'of another model')
    assert '0 made before' in process(model, bag, output)
    assert sum(map(is_added, read(output))) == COUNT


def test_many_bags(tmp_path, model):
    bags = [write_bag(tmp_path / name) for name in ('one', 'two')]
    process(model, *bags, '--output-folder', tmp_path / 'done', '--workers', 2)
    for source in bags:
        after = read(tmp_path / 'done' / source.name)
        assert [row for row in after if not is_added(row)] == read(source)
        assert sum(map(is_added, after)) == COUNT


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{bag}', '{bag}'], 'is the bag that is read'),
        (['{bag}'], '1 bags are given; expected IN and OUT'),
        (['{bag}', '{tmp}/out.mcap', '--topics', '/chatter'], 'has no images on /chatter'),
        (['{tmp}/none', '{tmp}/out.mcap'], 'there is no'),
        (['{tmp}/broken.mcap', '{tmp}/out.mcap'], 'cannot be read as a ROS 2 bag'),
        (['{tmp}/broken.db3', '{tmp}/out.db3'], 'cannot be read as a ROS 2 bag'),
        (['{bag}', '{tmp}/out.mcap', '--workers', '0'], '--workers is 0; expected 1 or more'),
        (['{bag}', '{tmp}/out.mcap', '--namespace', 'x'], "namespace is 'x'; expected one that b"),
        (['{bag}', '{tmp}/out.mcap', '--namespace', '/a b'], "namespace is '/a b'; expected one"),
        (['{bag}', '{tmp}/there.mcap'], 'exists already'),
        (['{bag}', '{tmp}/o.mcap', '--ray', '127.0.0.1:9'], "no Ray cluster at '127.0.0.1:9'"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, bag, model, arguments, message):
    for name in ('broken.mcap', 'broken.db3'):
        (tmp_path / name).write_bytes(b'no bag' * 100)
    (tmp_path / 'there.mcap').write_bytes(b'')
    filled = [argument.format(bag=bag, tmp=tmp_path) for argument in arguments]
    assert message in process(model, *filled, exit_code=1)
    assert [*tmp_path.glob('out.*')] == []


def test_an_output_or_a_topic_that_is_named_twice_is_added_once(tmp_path, bag, model):
    named = ['--outputs', 'mask', 'mask', '--topics', '/front/image_raw', '/front/image_raw']
    process(model, bag, tmp_path / 'out.mcap', *named)
    added = [row[0] for row in read(tmp_path / 'out.mcap') if is_added(row)]
    assert added == ['/segmentation_node/mask'] * COUNT


@pytest.mark.parametrize('is_empty', [True, False])
def test_a_bag_without_a_usable_image_is_an_error(tmp_path, model, is_empty):
    source, good = tmp_path / 'in', write_bag(tmp_path / 'good')
    if is_empty:
        with Writer(source, version=9) as writer:
            writer.add_connection('/front/image_raw', IMAGE, typestore=TYPES)
    else:
        write_bag(source, broken=set(range(COUNT)))
    folder = tmp_path / 'done'
    log = process(model, source, good, '--output-folder', folder, exit_code=1)
    assert f'no image of {source} could be used; {folder / "in"} was not written' in log
    assert sum(map(is_added, read(folder / 'good'))) == COUNT
    assert [path.name for path in folder.iterdir()] == ['good']


def ray_workers():
    """Process ids of Ray's workers that have a slice in hand."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if path.read_bytes().startswith(b'ray::segment_slice'):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_ray_cluster_makes_the_same_though_a_worker_is_killed(tmp_path, bag, model, done_alone):
    output = tmp_path / 'out.mcap'
    options = ('--outputs', 'mask', 'confidence', '--slice-images', 5, '--ray', 'local')
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'RAY_USAGE_STATS_ENABLED': '0'}
    with subprocess.Popen(
        command(model, bag, output, *options), cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        wait_for(ray_workers, running)
        os.kill(ray_workers()[0], signal.SIGKILL)
        log, _ = running.communicate(timeout=120)
    assert running.returncode == 0, log
    assert read(output) == done_alone
