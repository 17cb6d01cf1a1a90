# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What is offered, and what makes it, are the same topics."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.ros.interface.topics import (
    CLASS_OUTPUTS,
    COMPRESSED_TOPIC,
    FRAME_OUTPUTS,
    frame_topics,
    need_confidence,
    output_topics,
    pictures_of,
    qos_topic,
    topics_of_qos,
    tunable_topics,
)
from rtformer_ros.ros.output.classes import CLASS_TOPICS
from rtformer_ros.ros.output.converters import IMAGE_OUTPUTS, MESSAGE_OUTPUTS


def test_each_topic_of_a_frame_has_one_converter():
    assert sorted([*IMAGE_OUTPUTS, *MESSAGE_OUTPUTS]) == sorted(FRAME_OUTPUTS)


def test_pictures_are_asked_for_by_their_topics():
    assert pictures_of({'mask', 'points', 'camera_info', 'confidence'}) == frozenset()
    assert pictures_of({'overlay', 'mask'}) == {'overlay'}
    assert pictures_of({'overlay/compressed', 'color_mask', 'overlay'}) == {
        'overlay',
        'color_mask',
    }
    assert IMAGE_OUTPUTS.keys() >= PICTURES
    assert {IMAGE_OUTPUTS[picture].encoding for picture in PICTURES} == {'rgb8'}


def test_each_topic_about_the_classes_has_what_makes_it():
    assert CLASS_TOPICS.keys() == CLASS_OUTPUTS.keys()
    assert all(topic.is_latched for topic in CLASS_OUTPUTS.values())


def test_only_images_are_compressed_and_ids_without_loss():
    formats = {name: topic.compressed_format for name, topic in FRAME_OUTPUTS.items()}
    packed = {name: form for name, form in formats.items() if form}
    assert packed == {'mask': 'png', 'color_mask': 'jpeg', 'overlay': 'jpeg'}
    assert packed.keys() <= IMAGE_OUTPUTS.keys()
    assert {f'{name}/compressed' for name in packed} <= set(frame_topics())
    assert COMPRESSED_TOPIC == 'image/compressed'


def test_names_are_unique():
    topics = output_topics()
    assert len(topics) == len(set(topics))


@pytest.mark.parametrize(
    ('topic', 'expected'),
    [('mask', 'mask'), ('overlay/compressed', 'overlay'), ('camera_info', 'mask')],
)
def test_qos_is_that_of_the_topic_or_of_the_one_it_goes_with(topic, expected):
    assert qos_topic(topic) == expected
    assert qos_topic(topic) in tunable_topics()


def test_qos_holds_for_these_topics():
    assert topics_of_qos('mask') == ['mask', 'camera_info', 'mask/compressed']
    assert topics_of_qos('regions') == ['regions', 'detections']
    assert topics_of_qos('points') == ['points']


def test_the_confidence_is_made_for_those_that_read_it_alone():
    assert not need_confidence({'mask', 'overlay', 'mask/compressed', 'camera_info'})
    for topic in ('confidence', 'costmap', 'scan', 'points', 'regions'):
        assert need_confidence({'mask', topic})
