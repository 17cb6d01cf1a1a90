"""Declare each parameter of the node once, with its type, range, unit and description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from rtformer_ros.engines import engine_names
from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.outputs import IMAGE_OUTPUTS, output_topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rclpy.node import Node

ParameterValue: TypeAlias = bool | int | float | str

_INPUTS = ('image', 'camera_info')


@dataclass(frozen=True)
class ParameterSpec:
    """
    One parameter: its name, its default (whose type is its type) and what it may be.

    minimum, maximum: the range of a number, both included. choices: all values a text may have.
    read_only: it is tied to the process and cannot change while the node runs.
    """

    name: str
    default: ParameterValue
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Return what ROS tells people about this parameter and checks by itself."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.read_only)
        if self.choices:
            descriptor.additional_constraints = f'one of: {", ".join(self.choices)}'
        if self.minimum is None or self.maximum is None:
            return descriptor
        if isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(self.minimum), to_value=float(self.maximum))
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum), step=1)
            ]
        return descriptor

    def check(self, value: ParameterValue) -> None:
        """Raise ConfigError, saying what is allowed, unless the value is."""
        if self.choices and value not in self.choices:
            raise ConfigError(
                f"{self.name} is '{value}'; expected one of: {', '.join(self.choices)}"
            )
        if isinstance(value, str) or self.minimum is None or self.maximum is None:
            return
        if not self.minimum <= value <= self.maximum:
            raise ConfigError(
                f'{self.name} is {value}; expected {self.minimum:g} to {self.maximum:g}'
            )


_MODEL = (
    ParameterSpec(
        'model',
        '',
        'Model file: .onnx, or a .safetensors / .pdparams checkpoint; a path or the name of a '
        "packaged model; '' is the packaged default",
    ),
    ParameterSpec(
        'engine',
        'auto',
        'What runs the model; auto picks the best that works here and logs why',
        choices=('auto', *engine_names()),
    ),
    ParameterSpec('device', 'auto', "Device of the engine: 'auto', 'cpu', 'cuda' or 'cuda:N'"),
    ParameterSpec(
        'threads', 0, 'CPU threads of the engine; 0 leaves one core free for ROS', 0, 256
    ),
    ParameterSpec(
        'network_size',
        '',
        "Input size 'WIDTHxHEIGHT' in pixels for models that take any size; '' is the model's own",
    ),
    ParameterSpec(
        'labels',
        '',
        "Label set: a YAML file or the name of a packaged one (camvid); '' is the model's own",
    ),
)
_INPUT = (
    ParameterSpec(
        'image_transport',
        'raw',
        "Subscribe to 'image' (raw) or to 'image/compressed' (compressed)",
        choices=('raw', 'compressed'),
    ),
    ParameterSpec(
        'max_rate_hz', 0.0, 'Most frames to segment per second, in Hz; 0 is no limit', 0.0, 1000.0
    ),
    ParameterSpec(
        'resize',
        'stretch',
        "How a frame is brought to the network's size: stretch, or letterbox (keeps its shape)",
        choices=('stretch', 'letterbox'),
    ),
)
_OUTPUT = (
    ParameterSpec(
        'output_size',
        'source',
        "Size of the outputs: 'source' (the camera's), 'network', or 'WIDTHxHEIGHT' in pixels",
    ),
    ParameterSpec(
        'overlay_alpha', 0.5, 'Share of the class colour in the overlay, 0 to 1', 0.0, 1.0
    ),
    ParameterSpec(
        'palette',
        'labels',
        'Class colours: those of the label set, or distinct ones for any number of classes',
        choices=('labels', 'distinct'),
    ),
    ParameterSpec(
        'colors', '', "Colours of single classes over the palette: 'Road=#804080, 10=#0080c0'"
    ),
    ParameterSpec(
        'class_remap',
        '',
        "Classes to publish as another class or id 0..255: 'Pavement=Road, Tree=255' "
        '(255 is unlabelled)',
    ),
    ParameterSpec(
        'class_filter',
        '',
        "Classes to show in color_mask and overlay: 'Road, Car'; '' shows all",
    ),
    ParameterSpec(
        'confidence_threshold',
        0.0,
        'Softmax probability, 0 to 1, below which a pixel is published as 255 (unlabelled)',
        0.0,
        1.0,
    ),
    ParameterSpec('jpeg_quality', 90, 'JPEG quality of compressed pictures, 1 to 100', 1, 100),
    ParameterSpec(
        'lazy', True, 'Segment only while somebody subscribes to an output; false: always'
    ),
)
_PROCESS = (
    ParameterSpec(
        'diagnostics_period_s', 1.0, 'Seconds between messages on /diagnostics', 0.1, 60.0
    ),
    ParameterSpec(
        'autostart',
        True,
        'Configure and activate at start; false leaves both to a lifecycle manager',
        read_only=True,
    ),
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


def _publish_specs() -> tuple[ParameterSpec, ...]:
    return tuple(
        ParameterSpec(publish_parameter(topic), True, f'Offer the topic ~/{topic}')
        for topic in output_topics()
    )


def _qos_specs() -> tuple[ParameterSpec, ...]:
    specs = []
    for topic in (*_INPUTS, *IMAGE_OUTPUTS):
        is_input = topic in _INPUTS
        auto = "auto is what the camera's publishers offer" if is_input else 'auto is reliable'
        specs += [
            ParameterSpec(
                qos_parameter(topic, 'reliability'),
                'auto',
                f'Reliability of {topic} and its compressed form; {auto}',
                choices=('auto', 'reliable', 'best_effort'),
            ),
            ParameterSpec(
                qos_parameter(topic, 'depth'),
                5 if is_input else 2,
                f'Messages of {topic} that the middleware keeps',
                1,
                1000,
            ),
        ]
    return tuple(specs)


SPECS: Mapping[str, ParameterSpec] = {
    spec.name: spec
    for spec in (*_MODEL, *_INPUT, *_OUTPUT, *_publish_specs(), *_qos_specs(), *_PROCESS)
}


def declare(node: Node) -> dict[str, ParameterValue]:
    """
    Declare all parameters on the node and return their values.

    Raises ConfigError for a value of the wrong type or out of range, from a file or the command
    line, naming the parameter and what is allowed.
    """
    from rclpy.exceptions import ParameterException

    values: dict[str, ParameterValue] = {}
    for spec in SPECS.values():
        try:
            parameter = node.declare_parameter(spec.name, spec.default, spec.descriptor())
        except ParameterException as error:
            raise ConfigError(
                f'parameter {spec.name}: {error} Expected: {spec.description}'
            ) from error
        spec.check(parameter.value)
        values[spec.name] = parameter.value
    return values
