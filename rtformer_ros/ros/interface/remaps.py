# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Remappings: the names that another package has for the node's topics."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.ros.interface.topics import (
    CAMERA_INFO_TOPIC,
    COMPRESSED,
    COMPRESSED_TOPIC,
    DEPTH_TOPIC,
    IMAGE_TOPIC,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_CAMERA = '{camera}'
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class CameraTopics:
    """
    Topic names of one camera's inputs; relative names are in the node's namespace.

    camera: the camera's name in the node, '' for the only one. image may be the compressed form,
    whose name then ends in '/compressed'.
    """

    camera: str
    image: str
    camera_info: str
    depth: str

    def remappings(self) -> list[tuple[str, str]]:
        """Return pairs of the node's own name of an input and the topic's."""
        prefix = f'{self.camera}/' if self.camera else ''
        return [
            (f'{prefix}{IMAGE_TOPIC}', self.image),
            (f'{prefix}{COMPRESSED_TOPIC}', f'{self.image.removesuffix(COMPRESSED)}{COMPRESSED}'),
            (f'{prefix}{CAMERA_INFO_TOPIC}', self.camera_info),
            (f'{prefix}{DEPTH_TOPIC}', self.depth),
        ]


def load_topic_names(path: Path) -> dict[str, str]:
    """
    Read a YAML file of remaps: the node's own name of a topic (image, ~/mask) and the other one.

    Raises ConfigError, naming the file and the entry, for anything but pairs of texts.
    """
    data = read_yaml(path, 'topic names in')
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{path}: expected lines like '~/mask: class_mask'")
    for name, other in data.items():
        if not (isinstance(other, str) and name and other):
            raise ConfigError(f'{path}: {quoted(name)}: {quoted(other)} is no pair of topic names')
    return data


def one_camera(
    image: str, camera_info: str = '', depth: str = DEPTH_TOPIC, names: Mapping[str, str] = _NONE
) -> CameraTopics:
    """
    Return the topics of a node's only camera.

    image, camera_info, depth: what the user asks for. A default is looked up in `names`; ''
    as camera_info is the one in `names`, else the one beside the image.
    """
    image = names.get(image, image) if image == IMAGE_TOPIC else image
    depth = names.get(depth, depth) if depth == DEPTH_TOPIC else depth
    default = names.get(CAMERA_INFO_TOPIC) or _beside(image)
    return CameraTopics('', image, camera_info or default, depth)


def several_cameras(
    cameras: Sequence[str], image: str, camera_info: str = '', depth: str = DEPTH_TOPIC
) -> list[CameraTopics]:
    """
    Return the topics of cameras, in whose names {camera} stands for the camera's.

    Defaults are the node's own (front/image, ...). Raises ConfigError when the image is one and
    the same for all.
    """
    if len(cameras) > 1 and image != IMAGE_TOPIC and _CAMERA not in image:
        raise ConfigError(
            f"image is '{image}' for {len(cameras)} cameras; put {_CAMERA} where names differ"
        )
    return [_named_camera(camera, image, camera_info, depth) for camera in cameras]


def _named_camera(camera: str, image: str, camera_info: str, depth: str) -> CameraTopics:
    image = f'{camera}/{IMAGE_TOPIC}' if image == IMAGE_TOPIC else image.replace(_CAMERA, camera)
    depth = f'{camera}/{depth}' if depth == DEPTH_TOPIC else depth.replace(_CAMERA, camera)
    return CameraTopics(
        camera, image, camera_info.replace(_CAMERA, camera) or _beside(image), depth
    )


def _beside(image: str) -> str:
    folder = image.removesuffix(COMPRESSED).rpartition('/')[0]
    return f'{folder}/{CAMERA_INFO_TOPIC}' if folder else CAMERA_INFO_TOPIC
