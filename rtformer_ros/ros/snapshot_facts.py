"""Gather what a bug report should say beside the pictures."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from rclpy.utilities import get_rmw_implementation_identifier

import rtformer_ros

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo

    from rtformer_ros.engines import EngineDescription
    from rtformer_ros.frame_statistics import StatisticsSnapshot
    from rtformer_ros.ros.camera import Camera
    from rtformer_ros.ros.frame_tap import TappedFrame

_LIBRARIES = ('numpy', 'cv2', 'onnxruntime', 'torch', 'tensorrt')


def version_facts() -> dict[str, str]:
    """Return the versions of this package and of what it runs on, libraries if they are loaded."""
    loaded = {name: sys.modules[name] for name in _LIBRARIES if name in sys.modules}
    return {
        'rtformer_ros': rtformer_ros.__version__,
        'python': platform.python_version(),
        'platform': platform.platform(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        'rmw': get_rmw_implementation_identifier(),
        **{name: getattr(module, '__version__', '') for name, module in loaded.items()},
    }


def engine_facts(engine: EngineDescription) -> dict[str, Any]:
    """Return what runs the model."""
    return {
        'name': engine.engine,
        'device': engine.device,
        'detail': engine.detail,
        'passed_over': engine.passed_over,
        'model': str(engine.model),
        'network_width': engine.width,
        'network_height': engine.height,
        'classes': [each.name for each in engine.labels.classes],
    }


def frame_facts(camera: Camera, frame: TappedFrame) -> dict[str, Any]:
    """Return where a frame came from and how it and those before it went."""
    result = frame.result
    height, width = result.image_hwc.shape[:2]
    return {
        'topic': camera.input.topic,
        'frame_id': result.header.frame_id,
        'stamp': {'sec': result.header.stamp.sec, 'nanosec': result.header.stamp.nanosec},
        'encoding': frame.encoding,
        'width': width,
        'height': height,
        'camera_info': _camera_info_facts(result.camera_info),
        'times_ms': dict(frame.stages_ms),
        'statistics': _statistics_facts(camera.statistics.snapshot()),
    }


def _statistics_facts(statistics: StatisticsSnapshot) -> dict[str, Any]:
    return {
        'counts': dict(statistics.counts),
        'input_hz': statistics.input_hz,
        'output_hz': statistics.output_hz,
        'stages': {stage: vars(times) for stage, times in statistics.stages.items()},
        'last_error': statistics.last_error,
    }


def _camera_info_facts(info: CameraInfo | None) -> dict[str, Any] | None:
    if info is None:
        return None
    return {
        'frame_id': info.header.frame_id,
        'width': info.width,
        'height': info.height,
        'distortion_model': info.distortion_model,
        **{name: [float(x) for x in getattr(info, name)] for name in ('d', 'k', 'r', 'p')},
        'binning_x': info.binning_x,
        'binning_y': info.binning_y,
    }
