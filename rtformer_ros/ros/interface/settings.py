# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Settings that the parts of the node take, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TYPE_CHECKING

from rtformer_ros.geometry.cloud import CloudSettings
from rtformer_ros.ros.interface.topics import class_topics, frame_topics, qos_topic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rtformer_ros.engines import BuildOptions, EnginePrecision
    from rtformer_ros.geometry.costmap import CostmapSettings
    from rtformer_ros.geometry.scan import ScanSettings
    from rtformer_ros.imaging.encodings import UntoldOrder
    from rtformer_ros.imaging.polygon import Polygon
    from rtformer_ros.imaging.resize import ResizeMode, Size
    from rtformer_ros.imaging.roi import Roi
    from rtformer_ros.segmenter import OutputSize

Reliability = Literal['auto', 'reliable', 'best_effort']
ImageTransport = Literal['auto', 'raw', 'compressed']


@dataclass(frozen=True)
class ModelSettings:
    """
    Model and what runs it; a change of any of it opens a new engine.

    allowed_folders: where its files may lie, see check_allowed.
    """

    model: str
    engine: str
    device: str
    threads: int
    network_size: Size | None
    labels: str
    labels_override: bool
    precision: EnginePrecision
    frame_encoding: str
    build: BuildOptions
    allowed_folders: tuple[Path, ...]

    @property
    def text(self) -> str:
        """Return which model it is and for what."""
        return f'{self.model or "the packaged model"} for engine {self.engine}'


@dataclass(frozen=True)
class CameraPoseSettings:
    """
    Extrinsics of the cameras; see CameraPose.from_angles for the angles' signs.

    pose_source: whether the numbers here count or the transform of TF. is_rectified: the images
    are, so P of the calibration holds, and no distortion.
    """

    pose_source: Literal['parameters', 'tf']
    height_m: float
    pitch_rad: float
    roll_rad: float
    yaw_rad: float
    forward_m: float
    left_m: float
    is_rectified: bool


@dataclass(frozen=True, kw_only=True)
class PointsSettings(CloudSettings):
    """
    Point cloud: its limits, the side of voxels (0: organised, none), what is in which colour.

    class_filter: text, read into shown_ids once the labels are known; '' shows all.
    """

    voxel_m: float
    class_filter: str
    color: Literal['class', 'image']


@dataclass(frozen=True)
class RegionsSettings:
    """
    Regions of classes: which are told.

    classes: text, read into ids once the labels are known. min_area: share of the image, 0..1.
    """

    classes: str
    min_area: float
    max_count: int


@dataclass(frozen=True)
class CoverageSettings:
    """Where in the image the shares of the classes are counted."""

    polygon: Polygon


@dataclass(frozen=True)
class FrameSettings:
    """
    Frame: which image is taken, and how it becomes outputs.

    Texts about classes are read once the labels are known.
    """

    max_image_pixels: int
    channel_order: UntoldOrder
    roi: Roi | None
    ignore_mask: str
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
    camera: CameraPoseSettings
    costmap: CostmapSettings
    scan: ScanSettings
    points: PointsSettings
    regions: RegionsSettings
    coverage: CoverageSettings


@dataclass(frozen=True)
class TopicQos:
    """Reliability and queue depth (messages) of one topic."""

    reliability: Reliability
    depth: int


@dataclass(frozen=True)
class DepthSettings:
    """Depth images: how they are received, and which of them belong to an image."""

    qos: TopicQos
    max_stamp_difference_s: float


@dataclass(frozen=True)
class InputSettings:
    """Subscriptions of a camera: transport, QoS and depth."""

    transport: ImageTransport
    image_qos: TopicQos
    camera_info_qos: TopicQos
    depth: DepthSettings


@dataclass(frozen=True)
class OutputSettings:
    """
    Topics under ~/ that are offered, and their QoS.

    publish: for each output whether it is; qos: of those that have one of their own.
    fuses_costmaps: whether those of cameras with names are one more topic, ~/costmap.
    """

    publish: Mapping[str, bool]
    qos: Mapping[str, TopicQos]
    fuses_costmaps: bool

    @property
    def topics(self) -> dict[str, TopicQos]:
        """Return the topics that are made for each frame, and their QoS."""
        return {
            topic: self.qos[qos_topic(topic)] for topic in frame_topics() if self.publish[topic]
        }

    @property
    def class_topics(self) -> frozenset[str]:
        """Return the topics about the classes."""
        return frozenset(topic for topic in class_topics() if self.publish[topic])


@dataclass(frozen=True)
class CameraSettings:
    """Camera: its input, its outputs, and which of its frames are segmented; for each the same."""

    input: InputSettings
    output: OutputSettings
    max_rate_hz: float
    lazy: bool
