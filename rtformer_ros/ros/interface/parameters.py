"""List each parameter of the segmentation node once: type, range, unit and description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtformer_ros.engines import engine_names
from rtformer_ros.ros.input.depth_input import DEPTH_TOPIC
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.projection_parameters import PROJECTION_SPECS
from rtformer_ros.ros.output.makers import output_topics, tunable_topics

if TYPE_CHECKING:
    from collections.abc import Mapping

_INPUTS = ('image', 'camera_info', DEPTH_TOPIC)

_MODEL = (
    ParameterSpec(
        'model',
        '',
        'Model file: .onnx, a .safetensors / .pdparams checkpoint, or a TensorRT plan (.engine, '
        ".plan); a path or the name of a packaged model; '' is the packaged default",
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
    ParameterSpec(
        'precision',
        'auto',
        "What the engine computes in; auto is the model file's, or what the device is best at",
        choices=('auto', 'fp32', 'fp16'),
    ),
    ParameterSpec(
        'build.workspace_mib',
        1024,
        'Scratch memory in MiB that the compiler of an engine may take',
        1,
        1_048_576,
    ),
    ParameterSpec(
        'build.optimization_level',
        3,
        'How hard the compiler of an engine tries: 0 (quick to build) to 5 (quick to run)',
        0,
        5,
    ),
    ParameterSpec(
        'engine_fallback',
        'none',
        'Engine that segments on the CPU while the first model is built; none waits for the build',
        choices=('none', *engine_names()),
    ),
)
_INPUT = (
    ParameterSpec(
        'cameras',
        (),
        "Names of the cameras, as in ['front', 'left']: each has its topics NAME/image, "
        'NAME/camera_info and ~/NAME/mask; empty is one camera with image, camera_info and ~/mask',
    ),
    ParameterSpec(
        'batch_wait_ms',
        0.0,
        'Milliseconds that a frame waits for those of other cameras, to be segmented with them '
        'where the engine is quicker so; 0 takes those that are there',
        0.0,
        1000.0,
    ),
    ParameterSpec(
        'image_transport',
        'raw',
        "Subscribe to 'image' (raw) or to 'image/compressed' (compressed)",
        choices=('raw', 'compressed'),
    ),
    ParameterSpec(
        'max_rate_hz',
        0.0,
        'Most frames to segment per second, in Hz, of each camera; 0 is no limit',
        0.0,
        1000.0,
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
    ParameterSpec(
        'temporal_smoothing',
        0.0,
        'Share of the past in the average of classes over frames, 0 to 0.95; 0 is off. Where the '
        'image changes the past does not count',
        0.0,
        0.95,
    ),
    ParameterSpec('jpeg_quality', 90, 'JPEG quality of compressed pictures, 1 to 100', 1, 100),
    ParameterSpec(
        'lazy', True, 'Segment only while somebody subscribes to an output; false: always'
    ),
)
_PROCESS = (
    ParameterSpec(
        'snapshot.folder',
        '',
        'Folder in which ~/snapshot makes one for each call; '
        "'' is $ROS_HOME/rtformer_ros/snapshots, or ~/.ros/rtformer_ros/snapshots",
    ),
    ParameterSpec(
        'snapshot.timeout_s', 5.0, 'Seconds that ~/snapshot waits for a frame', 0.1, 60.0
    ),
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
    for topic in (*_INPUTS, *tunable_topics()):
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
    for spec in (
        *_MODEL,
        *_INPUT,
        *_OUTPUT,
        *PROJECTION_SPECS,
        *_publish_specs(),
        *_qos_specs(),
        *_PROCESS,
    )
}
