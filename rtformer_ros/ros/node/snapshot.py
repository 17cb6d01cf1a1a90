# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Snapshot for a bug report: pictures of a frame of each camera, and a JSON of what is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
import json
import os
from pathlib import Path
import platform
import sys
from typing import Any, TYPE_CHECKING

import numpy as np
from rclpy.utilities import get_rmw_implementation_identifier
import rtformer_ros
from rtformer_ros.drawing.rendering import Rendering
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.temporary import temporary_folder
from rtformer_ros.imaging.codecs import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from rtformer_ros.engines import EngineDescription
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.frames.next_frame import CapturedFrame
    from rtformer_ros.ros.interface.node_settings import NodeSettings
    from rtformer_ros.ros.node.camera import Camera
    from sensor_msgs.msg import CameraInfo

FACTS_FILE = 'snapshot.json'

_UNFINISHED = '.unfinished_'
_LIBRARIES = ('numpy', 'cv2', 'onnxruntime', 'openvino', 'torch', 'tensorrt')


@dataclass(frozen=True)
class FrameSnapshot:
    """
    Snapshot of one frame of one camera.

    name: the camera's, '' for one without. image_hwc, overlay_hwc: RGB, uint8 [H, W, 3], of sizes
    of their own. class_map_hw: uint8 [H, W]. facts: what else is known of it, for JSON.
    """

    name: str
    image_hwc: npt.NDArray[np.uint8]
    class_map_hw: npt.NDArray[np.uint8]
    overlay_hwc: npt.NDArray[np.uint8]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, camera: Camera, frame: CapturedFrame) -> FrameSnapshot:
        """Return a frame of that camera, and how it and those before it went."""
        result = frame.result
        # Not the frame's own pictures: they lie in messages that the next frame is drawn into.
        rendering = Rendering(result.config.render, result.image_hwc, result.segmentation)
        overlay_hwc = np.empty((*rendering.size, 3), np.uint8)
        rendering.overlay(overlay_hwc)
        return cls(
            camera.name,
            result.image_hwc,
            result.segmentation.class_map_hw,
            overlay_hwc,
            _frame_facts(camera, frame),
        )

    def write(self, folder: Path) -> Mapping[str, Any]:
        """Write the pictures into a folder of its name; returns the facts, with the files."""
        pictures = {
            'input': self.image_hwc,
            'mask': self.class_map_hw,
            'overlay': self.overlay_hwc,
        }
        (folder / self.name).mkdir(exist_ok=True)
        files = {}
        for name, pixels in pictures.items():
            path = folder / self.name / f'{name}.png'
            path.write_bytes(encode_png(pixels).tobytes())
            files[name] = str(path.relative_to(folder))
        return {'files': files, **self.facts}


def default_snapshot_folder() -> Path:
    """Return $ROS_HOME/rtformer_ros/snapshots, or ~/.ros/rtformer_ros/snapshots."""
    return Path(os.environ.get('ROS_HOME') or '~/.ros') / 'rtformer_ros' / 'snapshots'


def write_snapshot(
    folder: Path, title: str, frames: Sequence[FrameSnapshot], facts: Mapping[str, Any]
) -> Path:
    """
    Write frames into a new folder and return it.

    folder: where the new one is made, named by the time and `title`; '~' is the home folder. It
    holds snapshot.json (the facts, and those of each frame under 'frames'), and input.png,
    mask.png and overlay.png, in a folder of its name for a camera that has one. The folder is
    there with all of it or not at all; what a killed process left is removed.
    Raises ConfigError where it cannot be written.
    """
    made = datetime.now(timezone.utc)
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder, _UNFINISHED) as unfinished:
            frame_facts = {frame.name: frame.write(unfinished) for frame in frames}
            document = {'made': made.isoformat(), **facts, 'frames': frame_facts}
            text = json.dumps(document, indent=2, default=str)
            (unfinished / FACTS_FILE).write_text(f'{text}\n')
            unfinished.chmod(0o755)
            place = folder / f'{made:%Y%m%dT%H%M%S_%fZ}_{title}'
            unfinished.rename(place)
    # RuntimeError: there is no home folder.
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f'cannot write a snapshot into {folder}: {error}; name a folder that can be written'
        ) from error
    return place.resolve()


def node_facts(node: str, config: FrameConfig, settings: NodeSettings) -> dict[str, Any]:
    """Return what is known of the node: its full name, versions, engine and parameters."""
    return {
        'node': node,
        'versions': _version_facts(),
        'engine': _engine_facts(config.engine.description),
        'parameters': settings.values,
    }


def _version_facts() -> dict[str, str]:
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


def _engine_facts(engine: EngineDescription) -> dict[str, Any]:
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


def _frame_facts(camera: Camera, frame: CapturedFrame) -> dict[str, Any]:
    result = frame.result
    height, width = result.source
    return {
        'topic': camera.topic,
        'frame_id': result.header.frame_id,
        'stamp': {'sec': result.header.stamp.sec, 'nanosec': result.header.stamp.nanosec},
        'encoding': frame.encoding,
        'width': width,
        'height': height,
        'camera_info': _camera_info_facts(result.camera_info),
        'times_ms': dict(frame.stages_ms),
        'statistics': asdict(camera.statistics),
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
