# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Table of the parameters: type, range, unit, description, and the setting that each fills."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, TYPE_CHECKING

from rtformer_ros.ros.interface.image_parameters import IMAGE_GROUPS
from rtformer_ros.ros.interface.model_parameters import MODEL_GROUP
from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec
from rtformer_ros.ros.interface.projection_parameters import PROJECTION_GROUPS
from rtformer_ros.ros.interface.region_parameters import REGION_GROUPS
from rtformer_ros.ros.interface.topics import (
    CAMERA_INFO_TOPIC,
    COMPRESSED_TOPIC,
    DEPTH_TOPIC,
    DETECTIONS,
    IMAGE_TOPIC,
    output_topics,
    topics_of_qos,
    tunable_topics,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_VISION_MSGS = ('label_info', DETECTIONS)
# Input topic -> the field of the settings that its QoS fills.
_INPUT_QOS_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        IMAGE_TOPIC: 'camera.input.image_qos',
        CAMERA_INFO_TOPIC: 'camera.input.camera_info_qos',
        DEPTH_TOPIC: 'camera.input.depth.qos',
    }
)


def publish_parameter(topic: str) -> str:
    """Return the name of the parameter that switches a topic under ~/ on and off."""
    return f'publish.{topic.replace("/", "_")}'


def qos_parameter(topic: str, policy: Literal['reliability', 'depth']) -> str:
    """
    Return the name of the parameter for a policy of a topic.

    A compressed topic shares its raw one's; ~/camera_info goes with the mask.
    """
    return f'qos.{topic.split("/")[0]}.{policy}'


def _publish_spec(topic: str) -> ParameterSpec:
    return ParameterSpec(
        publish_parameter(topic),
        True,
        f'Offer the topic ~/{topic}',
        details='Where vision_msgs is installed.' if topic in _OF_VISION_MSGS else '',
        settings_field=f'camera.output.publish.{topic}',
    )


def _governed(topic: str) -> str:
    """Return in words which topics have the qos.* parameters of this one."""
    if topic in _INPUT_QOS_FIELDS:
        return f'{topic} and {COMPRESSED_TOPIC}' if topic == IMAGE_TOPIC else topic
    *first, last = (f'~/{name}' for name in topics_of_qos(topic))
    return f'{", ".join(first)} and {last}' if first else last


def _qos_specs(topic: str) -> tuple[ParameterSpec, ...]:
    is_input = topic in _INPUT_QOS_FIELDS
    filled = _INPUT_QOS_FIELDS.get(topic, f'camera.output.qos.{topic}')
    auto = "auto is what the camera's publishers offer" if is_input else 'auto is reliable'
    return (
        ParameterSpec(
            qos_parameter(topic, 'reliability'),
            'auto',
            f'Reliability of {_governed(topic)}; {auto}',
            choices=('auto', 'reliable', 'best_effort'),
            settings_field=f'{filled}.reliability',
        ),
        ParameterSpec(
            qos_parameter(topic, 'depth'),
            5 if is_input else 2,
            f'Messages of {_governed(topic)} that the middleware keeps',
            1,
            1000,
            unit='messages',
            settings_field=f'{filled}.depth',
        ),
    )


_PUBLISHED = ParameterGroup(
    'Published topics',
    'camera.output.publish',
    tuple(_publish_spec(topic) for topic in output_topics()),
    'Which topics are offered under ~/.',
    page='topics.md#outputs',
)
_QOS = ParameterGroup(
    'Quality of service',
    'camera',
    tuple(spec for topic in (*_INPUT_QOS_FIELDS, *tunable_topics()) for spec in _qos_specs(topic)),
    "For inputs auto asks for what the camera's publishers offer, and follows them; for outputs "
    "it is reliable. ROS's own qos_overrides have the last word.",
)
_NODE = ParameterGroup(
    'Node',
    '',
    (
        ParameterSpec(
            'snapshot.folder',
            '',
            'Folder in which ~/snapshot makes one for each call; '
            "'' is $ROS_HOME/rtformer_ros/snapshots, or ~/.ros/rtformer_ros/snapshots",
            settings_field='snapshot_folder',
        ),
        ParameterSpec(
            'snapshot.timeout_s',
            5.0,
            'Seconds that ~/snapshot waits for a frame',
            0.1,
            60.0,
            unit='s',
            settings_field='snapshot_timeout_s',
        ),
        ParameterSpec(
            'diagnostics_period_s',
            1.0,
            'Seconds between messages on /diagnostics',
            0.1,
            60.0,
            unit='s',
        ),
        ParameterSpec(
            'autostart',
            True,
            'Configure and activate at start; false leaves both to a lifecycle manager',
            read_only=True,
        ),
    ),
    page='topics.md#services',
)

GROUPS = (MODEL_GROUP, *IMAGE_GROUPS, *PROJECTION_GROUPS, *REGION_GROUPS, _PUBLISHED, _QOS, _NODE)
SPECS: Mapping[str, ParameterSpec] = {spec.name: spec for group in GROUPS for spec in group.specs}
SETTINGS_FIELDS: Mapping[str, str] = {
    spec.name: group.settings_field(spec) for group in GROUPS for spec in group.specs
}
"""Parameter -> the field of NodeSettings that it fills."""
