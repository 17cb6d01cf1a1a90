"""Turn the values of all parameters into settings that the parts of the node take."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal

from rtformer_ros.engines import BuildOptions
from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.input.depth_input import DEPTH_TOPIC
from rtformer_ros.ros.interface.parameters import SPECS, publish_parameter, qos_parameter
from rtformer_ros.ros.interface.projection_settings import (
    costmap_options,
    mount_settings,
    points_options,
    scan_settings,
)
from rtformer_ros.ros.output.classes import CLASS_TOPICS
from rtformer_ros.ros.output.makers import frame_topics, qos_topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rtformer_ros.engines import EnginePrecision
    from rtformer_ros.geometry.scan import ScanSettings
    from rtformer_ros.imaging.resize import ResizeMode, Size
    from rtformer_ros.ros.interface.parameter_spec import ParameterValue
    from rtformer_ros.ros.interface.projection_settings import (
        CostmapOptions,
        MountSettings,
        PointsOptions,
    )
    from rtformer_ros.segmenter import OutputSize

Reliability = Literal['auto', 'reliable', 'best_effort']

_SIZE = re.compile(r'(\d+)x(\d+)')
_MAX_SIDE = 16384
_CAMERA_NAME = re.compile('[A-Za-z](_?[A-Za-z0-9])*_?')


@dataclass(frozen=True)
class ModelSettings:
    """Which model runs on what; a change of any of it opens a new engine."""

    model: str
    engine: str
    device: str
    threads: int
    network_size: Size | None
    labels: str
    precision: EnginePrecision
    build: BuildOptions

    @property
    def text(self) -> str:
        """Return which model it is and for what."""
        return f'{self.model or "the packaged model"} for engine {self.engine}'


@dataclass(frozen=True)
class FrameSettings:
    """How frames become outputs; texts about classes are read once the labels are known."""

    resize: ResizeMode
    output_size: OutputSize
    class_remap: str
    confidence_threshold: float
    temporal_smoothing: float
    overlay_alpha: float
    palette: Literal['labels', 'distinct']
    colors: str
    class_filter: str
    jpeg_quality: int
    base_frame: str
    camera: MountSettings
    costmap: CostmapOptions
    scan: ScanSettings
    points: PointsOptions


@dataclass(frozen=True)
class TopicQos:
    """Reliability and queue depth (messages) of one topic."""

    reliability: Reliability
    depth: int


@dataclass(frozen=True)
class DepthSettings:
    """How depth images are received, and which of them belong to an image."""

    qos: TopicQos
    max_stamp_difference_s: float


@dataclass(frozen=True)
class InputSettings:
    """Where frames come from and how many are taken."""

    compressed: bool
    image_qos: TopicQos
    camera_info_qos: TopicQos
    depth: DepthSettings


@dataclass(frozen=True)
class OutputSettings:
    """
    Which topics under ~/ are offered.

    topics: those made for each frame and their QoS; class_topics: those about the classes.
    """

    topics: Mapping[str, TopicQos]
    class_topics: frozenset[str]


@dataclass(frozen=True)
class CameraSettings:
    """What holds for each camera: its input, its outputs, and which of its frames are segmented."""

    input: InputSettings
    output: OutputSettings
    max_rate_hz: float
    lazy: bool


@dataclass(frozen=True)
class NodeSettings:
    """
    All settings of the node, checked as far as it can be without the model's labels.

    engine_fallback: the engine that segments while a model is built, '' for none. cameras: their
    names, ('',) for a single one without. snapshot_folder: '' for the default one. values: the
    parameters that all this was read from.
    """

    model: ModelSettings
    engine_fallback: str
    frame: FrameSettings
    cameras: tuple[str, ...]
    camera: CameraSettings
    batch_wait_s: float
    diagnostics_period_s: float
    snapshot_folder: str
    snapshot_timeout_s: float
    autostart: bool
    values: Mapping[str, ParameterValue] = field(compare=False, repr=False)

    @classmethod
    def from_values(cls, values: Mapping[str, ParameterValue]) -> NodeSettings:
        """Read the values of all parameters; raises ConfigError for one that is not allowed."""
        for name, spec in SPECS.items():
            spec.check(values[name])
        # Each type was checked when ROS declared the parameter, by its default.
        value: Mapping[str, Any] = values
        return cls(
            model=_model_settings(value),
            engine_fallback=value['engine_fallback'].replace('none', ''),
            frame=_frame_settings(value),
            cameras=_camera_names(value['cameras']),
            camera=CameraSettings(
                input=InputSettings(
                    compressed=value['image_transport'] == 'compressed',
                    image_qos=_topic_qos(value, 'image'),
                    camera_info_qos=_topic_qos(value, 'camera_info'),
                    depth=DepthSettings(
                        _topic_qos(value, DEPTH_TOPIC), value['depth.max_stamp_difference_s']
                    ),
                ),
                output=_output_settings(value),
                max_rate_hz=value['max_rate_hz'],
                lazy=value['lazy'],
            ),
            batch_wait_s=value['batch_wait_ms'] / 1e3,
            diagnostics_period_s=value['diagnostics_period_s'],
            snapshot_folder=value['snapshot.folder'],
            snapshot_timeout_s=value['snapshot.timeout_s'],
            autostart=value['autostart'],
            values=dict(values),
        )

    def with_model_of(self, other: NodeSettings) -> NodeSettings:
        """Return these settings with another's model."""
        model_values = {name: other.values[name] for name in MODEL_PARAMETERS}
        return replace(self, model=other.model, values={**self.values, **model_values})


def _parameters_of(settings: type) -> tuple[str, ...]:
    """Return the parameters of which the fields of a class have the names."""
    names = {each.name for each in fields(settings)}
    return tuple(name for name in SPECS if name.partition('.')[0] in names)


MODEL_PARAMETERS = _parameters_of(ModelSettings)
"""The parameters that ModelSettings is read from."""

FRAME_CONFIG_PARAMETERS = (*MODEL_PARAMETERS, *_parameters_of(FrameSettings))
"""Those, and the parameters that FrameSettings is read from."""


def _model_settings(value: Mapping[str, Any]) -> ModelSettings:
    return ModelSettings(
        model=value['model'],
        engine=value['engine'],
        device=value['device'],
        threads=value['threads'],
        network_size=_size('network_size', value['network_size']),
        labels=value['labels'],
        precision=value['precision'],
        build=BuildOptions(
            workspace_mib=value['build.workspace_mib'],
            optimization_level=value['build.optimization_level'],
            max_batch=len(_camera_names(value['cameras'])),
        ),
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
        temporal_smoothing=value['temporal_smoothing'],
        overlay_alpha=value['overlay_alpha'],
        palette=value['palette'],
        colors=value['colors'],
        class_filter=value['class_filter'],
        jpeg_quality=value['jpeg_quality'],
        base_frame=value['base_frame'],
        camera=mount_settings(value),
        costmap=costmap_options(value),
        scan=scan_settings(value),
        points=points_options(value),
    )


def _camera_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, ('',) for a single camera without one; raises ConfigError."""
    # A list of one empty text is how a YAML file writes an empty list of texts for ROS.
    named = tuple(name for name in names if name)
    wrong = [name for name in named if not _CAMERA_NAME.fullmatch(name)]
    if wrong:
        raise ConfigError(
            f"cameras has the name '{wrong[0]}'; expected letters, digits and single underscores, "
            "with a letter first, as in 'front': it becomes part of topic names"
        )
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise ConfigError(f"cameras has '{twice[0]}' more than once; give each camera its own name")
    return named or ('',)


def _output_settings(value: Mapping[str, Any]) -> OutputSettings:
    return OutputSettings(
        topics={
            topic: _topic_qos(value, qos_topic(topic))
            for topic in frame_topics()
            if value[publish_parameter(topic)]
        },
        class_topics=frozenset(t for t in CLASS_TOPICS if value[publish_parameter(t)]),
    )


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
