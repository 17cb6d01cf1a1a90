"""Keep what a bug report needs of some frames: pictures, and a JSON of what is known."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.utilities import get_rmw_implementation_identifier

import rtformer_ros
from rtformer_ros.errors import ConfigError
from rtformer_ros.imaging.codecs import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    from sensor_msgs.msg import CameraInfo

    from rtformer_ros.engines import EngineDescription
    from rtformer_ros.ros.frames.next_frame import TappedFrame
    from rtformer_ros.ros.node.camera import Camera
    from rtformer_ros.stream.statistics import StatisticsSnapshot


FACTS_FILE = 'snapshot.json'


@dataclass(frozen=True)
class FrameRecord:
    """
    One frame of one camera.

    name: the camera's, '' for one without. image_hwc, overlay_hwc: RGB, uint8 [H, W, 3], of sizes
    of their own. class_map_hw: uint8 [H, W]. facts: what else is known of it, for JSON.
    """

    name: str
    image_hwc: Pixels
    class_map_hw: Pixels
    overlay_hwc: Pixels
    facts: Mapping[str, Any]


def default_record_folder() -> Path:
    """Return $ROS_HOME/rtformer_ros/snapshots, or ~/.ros/rtformer_ros/snapshots."""
    return Path(os.environ.get('ROS_HOME') or '~/.ros') / 'rtformer_ros' / 'snapshots'


def write_frame_records(
    folder: Path, title: str, records: Sequence[FrameRecord], facts: Mapping[str, Any]
) -> Path:
    """
    Write frames into a new folder and return it.

    folder: where the new one is made, named by the time and `title`; '~' is the home folder. It
    holds snapshot.json (the facts, and those of each frame under 'frames'), and input.png, mask.png
    and overlay.png, in a folder of its name for a camera that has one. The folder is there with
    all of it or not at all. Raises ConfigError where it cannot be written.
    """
    made = datetime.now(timezone.utc)
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix='.unfinished_', dir=folder))
        try:
            frames = {record.name: _write(unfinished, record) for record in records}
            document = {'made': made.isoformat(), **facts, 'frames': frames}
            text = json.dumps(document, indent=2, default=str)
            (unfinished / FACTS_FILE).write_text(f'{text}\n')
            unfinished.chmod(0o755)
            place = folder / f'{made:%Y%m%dT%H%M%S_%fZ}_{title}'
            unfinished.rename(place)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    # RuntimeError: there is no home folder.
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f'cannot write a snapshot into {folder}: {error}; name a folder that can be written'
        ) from error
    return place.resolve()


def _write(folder: Path, record: FrameRecord) -> Mapping[str, Any]:
    """Write the pictures of a frame and return its facts, with the names of the files."""
    pictures = {
        'input': record.image_hwc,
        'mask': record.class_map_hw,
        'overlay': record.overlay_hwc,
    }
    (folder / record.name).mkdir(exist_ok=True)
    files = {}
    for name, pixels in pictures.items():
        path = folder / record.name / f'{name}.png'
        path.write_bytes(encode_png(pixels).tobytes())
        files[name] = str(path.relative_to(folder))
    return {'files': files, **record.facts}


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
