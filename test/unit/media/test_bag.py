# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bags written by rosbags, in both storages and several encodings."""

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.imaging.codecs import encode_png
from rtformer_ros.media.bag import BagImages
from rtformer_ros.media.calibration import RegionOfInterest
from rtformer_ros.media.image_folder import ImageFolder
from rtformer_ros.media.open_source import has_calibration, losses_of, open_source

TYPES = get_typestore(Stores.ROS2_JAZZY)
MESSAGES = TYPES.types
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000
PICTURES = np.random.default_rng(4).integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)


def header():
    time = MESSAGES['builtin_interfaces/msg/Time'](sec=1, nanosec=0)
    return MESSAGES['std_msgs/msg/Header'](stamp=time, frame_id='camera')


def raw_message(picture, encoding='bgr8'):
    pixels = picture[..., ::-1] if encoding == 'bgr8' else picture
    padded = np.zeros((6, 26), np.uint8)
    padded[:, :24] = pixels.reshape(6, 24)
    return MESSAGES['sensor_msgs/msg/Image'](
        header=header(), height=6, width=8, encoding=encoding, is_bigendian=0, step=26,
        data=padded.reshape(-1),
    )  # fmt: skip


def compressed_message(picture):
    return MESSAGES['sensor_msgs/msg/CompressedImage'](
        header=header(), format='png', data=encode_png(picture)
    )


def text_message(_):
    return MESSAGES['std_msgs/msg/String'](data='hello')


def camera_info(focal_px):
    roi = MESSAGES['sensor_msgs/msg/RegionOfInterest'](1, 2, 3, 4, do_rectify=True)
    return MESSAGES['sensor_msgs/msg/CameraInfo'](
        header=header(), height=6, width=8, distortion_model='plumb_bob',
        d=np.arange(5.0), k=np.array([focal_px, 0, 4, 0, focal_px, 3, 0, 0, 1], float),
        r=np.eye(3).ravel(), p=np.arange(12.0), binning_x=2, binning_y=1, roi=roi,
    )  # fmt: skip


MAKERS = {
    '/camera/image_raw': raw_message,
    '/camera/image_raw/compressed': compressed_message,
    '/chatter': text_message,
}


def write_bag(path, plugin, topics):
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for topic in topics:
            maker = MAKERS[topic]
            kind = maker(PICTURES[0]).__msgtype__
            connection = writer.add_connection(topic, kind, typestore=TYPES)
            for index, picture in enumerate(PICTURES):
                data = TYPES.serialize_cdr(maker(picture), kind)
                writer.write(connection, START_NS + index * PERIOD_NS, data)
    return path


@pytest.mark.parametrize('plugin', list(StoragePlugin))
@pytest.mark.parametrize('topic', ['/camera/image_raw', '/camera/image_raw/compressed'])
@pytest.mark.parametrize('as_file', [False, True])
def test_images_and_times(tmp_path, plugin, topic, as_file):
    bag = write_bag(tmp_path / 'bag', plugin, ['/chatter', topic])
    path = next(p for p in bag.iterdir() if p.suffix != '.yaml') if as_file else bag
    source = open_source(str(path))
    assert isinstance(source, BagImages)
    assert source.topic == topic
    for _ in range(2):
        frames = list(source)
        np.testing.assert_array_equal([frame.image_hwc for frame in frames], PICTURES)
        assert [frame.time_s for frame in frames] == pytest.approx([0, 0.05, 0.1, 0.15])
    assert source.rate_hz == pytest.approx(20, rel=0.4)


def test_a_topic_can_be_named(tmp_path):
    bag = write_bag(tmp_path / 'bag', StoragePlugin.MCAP, list(MAKERS))
    assert BagImages(bag).topic == '/camera/image_raw'
    named = open_source(str(bag), '/camera/image_raw/compressed')
    assert named.topic == '/camera/image_raw/compressed'
    message = 'no images on /chatter; its image topics are: /camera/image_raw'
    with pytest.raises(ConfigError, match=message):
        BagImages(bag, '/chatter')


@pytest.mark.parametrize('topic', ['/camera/image_raw', '/camera/image_raw/compressed'])
def test_images_have_the_latest_calibration_beside_them(tmp_path, topic):
    bag = write_bag(tmp_path / 'bag', StoragePlugin.MCAP, [topic])
    calibrated = tmp_path / 'calibrated'
    kind = 'sensor_msgs/msg/CameraInfo'
    with Writer(calibrated, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        image_type = MAKERS[topic](PICTURES[0]).__msgtype__
        images = writer.add_connection(topic, image_type, typestore=TYPES)
        infos = writer.add_connection('/camera/camera_info', kind, typestore=TYPES)
        others = writer.add_connection('/rear/camera_info', kind, typestore=TYPES)
        for index, picture in enumerate(PICTURES):
            # Calibrations come after the first image and before the fourth.
            time_ns = START_NS + index * PERIOD_NS
            writer.write(images, time_ns, TYPES.serialize_cdr(MAKERS[topic](picture), image_type))
            writer.write(others, time_ns, TYPES.serialize_cdr(camera_info(1), kind))
            if index in (0, 2):
                data = TYPES.serialize_cdr(camera_info(100 + index), kind)
                writer.write(infos, time_ns + 1000, data)
    assert [frame.calibration for frame in BagImages(bag)] == [None] * 4
    assert not has_calibration(str(bag), topic)
    assert has_calibration(str(calibrated), topic)
    calibrations = [frame.calibration for frame in BagImages(calibrated, topic)]
    assert [each.k[0] for each in calibrations] == [100, 100, 100, 102]
    first = calibrations[0]
    assert (first.height, first.width, first.distortion_model) == (6, 8, 'plumb_bob')
    assert (first.d, first.p, first.binning_x) == (tuple(range(5)), tuple(range(12)), 2)
    assert first.roi == RegionOfInterest(1, 2, 3, 4, do_rectify=True)


def test_a_bag_without_images(tmp_path):
    bag = write_bag(tmp_path / 'bag', StoragePlugin.SQLITE3, ['/chatter'])
    with pytest.raises(ConfigError, match='its topics are: /chatter'):
        BagImages(bag)


def test_a_malformed_image(tmp_path, monkeypatch):
    monkeypatch.setitem(MAKERS, '/camera/image_raw', lambda p: raw_message(p, 'rgba8'))
    bag = write_bag(tmp_path / 'bag', StoragePlugin.MCAP, ['/camera/image_raw'])
    with pytest.raises(ImageError, match='step of 26 bytes; one row takes 32'):
        list(BagImages(bag))


@pytest.mark.parametrize('name', ['broken.mcap', 'broken.db3'])
def test_a_broken_bag(tmp_path, name):
    (tmp_path / name).write_bytes(b'no bag' * 100)
    with pytest.raises(ImageError, match='cannot be read as a ROS 2 bag'):
        open_source(str(tmp_path / name))


def test_broken_metadata(tmp_path):
    (tmp_path / 'metadata.yaml').write_text('nothing: here')
    with pytest.raises(ImageError, match='cannot be read as a ROS 2 bag'):
        open_source(str(tmp_path))


def test_a_bag_that_was_not_closed_is_played_as_far_as_it_goes(tmp_path, caplog):
    topic = '/camera/image_raw'
    bag = write_bag(tmp_path / 'bag', StoragePlugin.MCAP, [topic])
    (bag / 'metadata.yaml').unlink()
    frames = list(open_source(str(bag)))
    np.testing.assert_array_equal([frame.image_hwc for frame in frames], PICTURES)
    assert 'was not closed properly' in caplog.text
    [loss] = losses_of(str(bag))
    assert '4 messages up to 2023-11-14' in loss
    assert not has_calibration(str(bag))
    # A folder of pictures stays one.
    (bag / 'one.png').write_bytes(bytes(encode_png(PICTURES[0])))
    assert isinstance(open_source(str(bag)), ImageFolder)
    assert losses_of(str(bag)) == losses_of('') == ()


def test_a_message_of_broken_bytes_is_named(tmp_path):
    kind = 'sensor_msgs/msg/Image'
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection('/camera/image_raw', kind, typestore=TYPES)
        writer.write(images, START_NS, bytes(30))
    with pytest.raises(ImageError, match=r'its bytes are no sensor_msgs/msg/Image'):
        list(BagImages(tmp_path / 'bag'))
