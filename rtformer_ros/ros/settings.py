"""Turn the values of all parameters into settings that the parts of the node take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.outputs import CAMERA_INFO, output_topics
from rtformer_ros.ros.parameters import SPECS, publish_parameter, qos_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtformer_ros.imaging.resize import ResizeMode, Size
    from rtformer_ros.pipeline import OutputSize
    from rtformer_ros.ros.parameter_spec import ParameterValue

Reliability = Literal['auto', 'reliable', 'best_effort']

_SIZE = re.compile(r'(\d+)x(\d+)')
_MAX_SIDE = 16384


@dataclass(frozen=True)
class ModelSettings:
    """Which model runs on what; a change of any of it opens a new engine."""

    model: str
    engine: str
    device: str
    threads: int
    network_size: Size | None
    labels: str


@dataclass(frozen=True)
class FrameSettings:
    """How frames become outputs; texts about classes are read once the labels are known."""

    resize: ResizeMode
    output_size: OutputSize
    class_remap: str
    confidence_threshold: float
    overlay_alpha: float
    palette: Literal['labels', 'distinct']
    colors: str
    class_filter: str
    jpeg_quality: int


@dataclass(frozen=True)
class TopicQos:
    """Reliability and queue depth (messages) of one topic."""

    reliability: Reliability
    depth: int


@dataclass(frozen=True)
class InputSettings:
    """Where frames come from and how many are taken."""

    compressed: bool
    image_qos: TopicQos
    camera_info_qos: TopicQos


@dataclass(frozen=True)
class OutputSettings:
    """The QoS of each topic under ~/ that is offered."""

    topics: Mapping[str, TopicQos]


@dataclass(frozen=True)
class NodeSettings:
    """All settings of the node, checked as far as it can be without the model's labels."""

    model: ModelSettings
    frame: FrameSettings
    input: InputSettings
    output: OutputSettings
    max_rate_hz: float
    lazy: bool
    diagnostics_period_s: float
    autostart: bool

    @classmethod
    def from_values(cls, values: Mapping[str, ParameterValue]) -> NodeSettings:
        """Read the values of all parameters; raises ConfigError for one that is not allowed."""
        for name, spec in SPECS.items():
            spec.check(values[name])
        # Each type was checked when ROS declared the parameter, by its default.
        value: Mapping[str, Any] = values
        return cls(
            model=_model_settings(value),
            frame=_frame_settings(value),
            input=InputSettings(
                compressed=value['image_transport'] == 'compressed',
                image_qos=_topic_qos(value, 'image'),
                camera_info_qos=_topic_qos(value, 'camera_info'),
            ),
            output=OutputSettings(_output_topics(value)),
            max_rate_hz=value['max_rate_hz'],
            lazy=value['lazy'],
            diagnostics_period_s=value['diagnostics_period_s'],
            autostart=value['autostart'],
        )


def _model_settings(value: Mapping[str, Any]) -> ModelSettings:
    return ModelSettings(
        model=value['model'],
        engine=value['engine'],
        device=value['device'],
        threads=value['threads'],
        network_size=_size('network_size', value['network_size']),
        labels=value['labels'],
    )


def _frame_settings(value: Mapping[str, Any]) -> FrameSettings:
    output_size: OutputSize
    if value['output_size'] in ('source', 'network'):
        output_size = value['output_size']
    else:
        output_size = _size('output_size', value['output_size'], "'source', 'network' or ") or (
            'source'
        )
    return FrameSettings(
        resize=value['resize'],
        output_size=output_size,
        class_remap=value['class_remap'],
        confidence_threshold=value['confidence_threshold'],
        overlay_alpha=value['overlay_alpha'],
        palette=value['palette'],
        colors=value['colors'],
        class_filter=value['class_filter'],
        jpeg_quality=value['jpeg_quality'],
    )


def _output_topics(value: Mapping[str, Any]) -> Mapping[str, TopicQos]:
    return {
        topic: _topic_qos(value, 'mask' if topic == CAMERA_INFO else topic)
        for topic in output_topics()
        if value[publish_parameter(topic)]
    }


def _topic_qos(value: Mapping[str, Any], topic: str) -> TopicQos:
    return TopicQos(
        value[qos_parameter(topic, 'reliability')], value[qos_parameter(topic, 'depth')]
    )


def _size(name: str, text: str, others: str = '') -> Size | None:
    if not text:
        return None
    match = _SIZE.fullmatch(text)
    if match is not None:
        width, height = int(match[1]), int(match[2])
        if 1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE:
            return height, width
    raise ConfigError(
        f"{name} is '{text}'; expected {others}'WIDTHxHEIGHT' in pixels, 1 to {_MAX_SIDE} each, "
        "as in '640x480'"
    )
