# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recorded bags of a camera, and the tool that adds masks to them, called as a user calls it."""

from pathlib import Path
import subprocess
import sys

import numpy as np
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

ROOT = Path(__file__).resolve().parents[3]
TYPES = get_typestore(Stores.ROS2_JAZZY)
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
COUNT = 24
SIZE = (48, 64)
RNG = np.random.default_rng(11)
PICTURES = RNG.integers(0, 256, (COUNT, *SIZE, 3), dtype=np.uint8)
IMAGE, TEXT = 'sensor_msgs/msg/Image', 'std_msgs/msg/String'
LABELS = str(ROOT / 'config' / 'labels' / 'camvid.yaml')
PHOTO = str(ROOT / 'samples' / 'leuven_a.jpg')


def message(kind, **values):
    return TYPES.types[kind](**values)


def header(index, frame='camera'):
    stamp = message('builtin_interfaces/msg/Time', sec=index, nanosec=7 * index)
    return message('std_msgs/msg/Header', stamp=stamp, frame_id=frame)


def image(index, short_by=0):
    data = PICTURES[index].reshape(-1)
    return message(
        IMAGE, header=header(index), height=SIZE[0], width=SIZE[1], encoding='rgb8',
        is_bigendian=0, step=SIZE[1] * 3, data=data[: data.size - short_by],
    )  # fmt: skip


def write_bag(path, plugin=StoragePlugin.MCAP, broken=()):
    """A bag with a camera, text between its images, and a topic of a type of its own."""
    own = 'my_msgs/msg/Thing'
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        camera = writer.add_connection('/front/image_raw', IMAGE, typestore=TYPES)
        chatter = writer.add_connection('/chatter', TEXT, typestore=TYPES)
        thing = writer.add_connection(
            '/thing', own, msgdef='uint8[] data\n', rihs01='RIHS01_' + 'ab' * 32
        )
        for index in range(COUNT):
            time_ns = START_NS + index * PERIOD_NS
            picture = image(index, short_by=10 if index in broken else 0)
            writer.write(camera, time_ns, TYPES.serialize_cdr(picture, IMAGE))
            text = message(TEXT, data=f'number {index}')
            writer.write(chatter, time_ns + 5, TYPES.serialize_cdr(text, TEXT))
            # Bytes that only somebody who knows the type could read.
            writer.write(thing, time_ns + 5, bytes([0, 1, 0, 0, index, 255, 3]))
    return path


def read(path):
    """All messages of a bag: topic, type, definition, time of recording, bytes."""
    with Reader(path) as reader:
        return [
            (c.topic, c.msgtype, c.msgdef.data.strip(), time_ns, bytes(data))
            for c, time_ns, data in reader.messages()
        ]


def digests(path):
    with Reader(path) as reader:
        return {c.topic: c.digest for c in reader.connections if c.topic == '/thing'}


def is_added(row):
    return row[0].startswith('/segmentation_node/')


def small_model(folder):
    """A small network, so that a bag is done in no time."""
    weights, onnx = folder / 'w.safetensors', folder / 'm.onnx'
    for module, *arguments in (
        ('random_checkpoint', str(weights), '--labels', LABELS, '--photo', PHOTO),
        ('export', str(weights), str(onnx), '--height', '64', '--width', '96'),
    ):
        command = [sys.executable, '-m', f'rtformer_ros.tools.{module}', *arguments]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return onnx


def command(model, *arguments):
    tool = [
        sys.executable,
        '-m',
        'rtformer_ros.tools.process_bag',
        '--model',
        str(model),
        '--engine',
        'onnxruntime',
    ]
    return [*tool, *(str(argument) for argument in arguments)]


def process(model, *arguments, exit_code=0):
    done = subprocess.run(
        command(model, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout + done.stderr
