"""List the topics that say what the ids of a mask mean, and make their messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sensor_msgs.msg import Image
from std_msgs.msg import String

from rtformer_ros.imaging.legend import draw_rows
from rtformer_ros.ros.image_messages import image_array, new_image
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rtformer_ros.ros.frame_plan import FramePlan


@dataclass(frozen=True)
class ClassTopic:
    """
    A latched topic under ~/ about the classes.

    find_type: returns its message class, or None where the package of it is not installed. make:
    turns a plan into a message. has_header: whether the message carries the mask's header, so
    that it waits for the first frame.
    """

    find_type: Callable[[], type | None]
    make: Callable[[FramePlan], Any]
    has_header: bool = False


@cache
def _label_info_type() -> type | None:
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo


def make_label_info(plan: FramePlan) -> Any:
    """Return a vision_msgs/LabelInfo without header; needs vision_msgs."""
    from vision_msgs.msg import LabelInfo, VisionClass

    return LabelInfo(
        class_map=[VisionClass(class_id=c.class_id, class_name=c.name) for c in plan.classes],
        threshold=float(plan.segmenter.settings.confidence_threshold),
    )


def make_labels(plan: FramePlan) -> String:
    """
    Return the classes as a JSON object in a std_msgs/String.

    Keys: label_set, unlabeled_id, confidence_threshold (0..1) and classes, a list by rising id of
    {id, name, color: [r, g, b], group, shown}.
    """
    content = {
        'label_set': plan.segmenter.engine.description.labels.name,
        'unlabeled_id': UNLABELED_ID,
        'confidence_threshold': plan.segmenter.settings.confidence_threshold,
        'classes': [
            {
                'id': c.class_id,
                'name': c.name,
                'color': list(c.color_rgb),
                'group': c.group,
                'shown': c.is_shown,
            }
            for c in plan.classes
        ],
    }
    return String(data=json.dumps(content, ensure_ascii=False))


def make_legend(plan: FramePlan) -> Image:
    """Return names and colours of the classes that pictures show, as an rgb8 image."""
    rows = [(c.name, c.color_rgb) for c in plan.classes if c.is_shown]
    legend_hwc = draw_rows(rows or [('no class is shown', (255, 255, 255))])
    message = new_image(legend_hwc.shape[0], legend_hwc.shape[1], 'rgb8')
    image_array(message)[:] = legend_hwc
    return message


CLASS_TOPICS: Mapping[str, ClassTopic] = MappingProxyType(
    {
        'label_info': ClassTopic(_label_info_type, make_label_info, has_header=True),
        'labels': ClassTopic(lambda: String, make_labels),
        'legend': ClassTopic(lambda: Image, make_legend),
    }
)
