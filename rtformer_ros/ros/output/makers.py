"""List each topic that is published under ~/ once: what it holds and what makes it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import CameraInfo, LaserScan, PointCloud2

from rtformer_ros.drawing.rendering import Rendering
from rtformer_ros.ros.input.camera_info import scaled_camera_info
from rtformer_ros.ros.output.classes import CLASS_TOPICS
from rtformer_ros.ros.output.costmap import CostmapMaker
from rtformer_ros.ros.output.points import PointsMaker
from rtformer_ros.ros.output.scan import ScanMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from rtformer_ros.ros.frames.result import FrameResult
    from rtformer_ros.segmentation import Pixels

    MakeMessage = Callable[[FrameResult], Any]

COMPRESSED = '/compressed'
POINTS = 'points'


@dataclass(frozen=True)
class ImageOutput:
    """
    An image topic: its encoding, what draws it, and its file form ('' has none).

    A mask is never JPEG, which would change ids. needs_confidence: as for MessageOutput.
    """

    encoding: str
    draw: Callable[[Rendering, Pixels], None]
    compressed_format: str = ''
    needs_confidence: bool = False


@dataclass(frozen=True)
class MessageOutput:
    """
    A topic of any message that is made from a frame.

    message_type: its class. new_maker: called once for each camera; returns the function that
    turns a frame into a message with the frame's header, which may keep what it likes from frame
    to frame. That returns None where there is nothing to publish, and raises GeometryError to
    tell why it cannot be made; the frame's other outputs are published all the same. qos_topic:
    the topic whose qos.* parameters it shares, '' for its own. needs_confidence: whether it
    reads the confidence, which is brought to the output's size only where one does. is_latched:
    late subscribers get the last message.
    """

    message_type: type
    new_maker: Callable[[], MakeMessage]
    qos_topic: str = ''
    needs_confidence: bool = False
    is_latched: bool = False


def _new_camera_info_maker() -> MakeMessage:
    def make(frame: FrameResult) -> CameraInfo | None:
        if frame.camera_info is None:
            return None
        height, width = frame.segmentation.class_map_hw.shape
        return scaled_camera_info(frame.camera_info, frame.header, height, width)

    return make


IMAGE_OUTPUTS: Mapping[str, ImageOutput] = MappingProxyType(
    {
        'mask': ImageOutput('mono8', Rendering.mask, 'png'),
        'color_mask': ImageOutput('rgb8', Rendering.color_mask, 'jpeg'),
        'overlay': ImageOutput('rgb8', Rendering.overlay, 'jpeg'),
        'confidence': ImageOutput('mono8', Rendering.confidence, needs_confidence=True),
    }
)
MESSAGE_OUTPUTS: Mapping[str, MessageOutput] = MappingProxyType(
    {
        'camera_info': MessageOutput(CameraInfo, _new_camera_info_maker, qos_topic='mask'),
        # Maps are latched: Nav2's static layer hears no other.
        'costmap': MessageOutput(
            OccupancyGrid, CostmapMaker, needs_confidence=True, is_latched=True
        ),
        'scan': MessageOutput(LaserScan, ScanMaker, needs_confidence=True),
        POINTS: MessageOutput(PointCloud2, PointsMaker, needs_confidence=True),
    }
)


def frame_topics() -> list[str]:
    """Return the names of the topics that a message is made for with each frame."""
    topics = list(IMAGE_OUTPUTS)
    topics += [
        f'{name}{COMPRESSED}' for name, row in IMAGE_OUTPUTS.items() if row.compressed_format
    ]
    return [*topics, *MESSAGE_OUTPUTS]


def output_topics() -> list[str]:
    """Return the names of all topics under ~/."""
    return [*frame_topics(), *CLASS_TOPICS]


def tunable_topics() -> list[str]:
    """Return the topics that have qos.* parameters of their own."""
    return [*IMAGE_OUTPUTS, *(name for name, row in MESSAGE_OUTPUTS.items() if not row.qos_topic)]


def qos_topic(topic: str) -> str:
    """Return the topic whose qos.* parameters a frame topic has: its own, or one it goes with."""
    name = topic.removesuffix(COMPRESSED)
    row = MESSAGE_OUTPUTS.get(name)
    return row.qos_topic or name if row else name


def need_confidence(topics: AbstractSet[str]) -> bool:
    """Tell whether one of the frame topics reads the confidence."""
    rows: list[ImageOutput | MessageOutput] = [
        *(row for name, row in IMAGE_OUTPUTS.items() if name in topics),
        *(row for name, row in MESSAGE_OUTPUTS.items() if name in topics),
    ]
    return any(row.needs_confidence for row in rows)
