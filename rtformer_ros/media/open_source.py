# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frame source of a user's path: what is there decides which kind is opened."""

from __future__ import annotations

import logging
from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import expanded_path
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.media.bag import BagImages
from rtformer_ros.media.frames import FrameSource
from rtformer_ros.media.image_folder import has_pictures, ImageFolder, PICTURE_SUFFIXES
from rtformer_ros.media.photo import MovingPhoto, StillPhoto
from rtformer_ros.media.playlist import bundled_playlist, bundled_street
from rtformer_ros.media.recovery.bag_files import is_bag, is_undescribed
from rtformer_ros.media.video_capture import CameraDevice, VideoFile

_logger = logging.getLogger(__name__)

_EXPECTED = (
    'a video file, a picture, a folder of pictures, a V4L2 device (/dev/video0) or a ROS 2 bag'
)


def open_source(
    path_or_device: str, topic: str = '', *, is_still: bool = False, pans: bool = False
) -> FrameSource:
    """
    Open a source of frames, chosen by what is there.

    path_or_device: a video file, a picture, a folder of pictures, a V4L2 device, a ROS 2 bag (its
    folder or its file); '' is the bundled playlist. topic: the topic of images of a bag; '' is its
    first. is_still: of the bundled playlist the street alone, at rest. pans: pan and zoom over a
    single picture, instead of showing it as a whole.
    Raises ConfigError when there is no such thing, ImageError when it cannot be read.
    """
    if not path_or_device:
        return bundled_street() if is_still else bundled_playlist()
    path = _existing(path_or_device)
    if path.is_char_device():
        return CameraDevice(path)
    if path.is_dir():
        return _open_bag(path, topic) if _is_bag(path) else ImageFolder(path)
    return _open_file(path, topic, pans)


def has_calibration(path_or_device: str, topic: str = '') -> bool:
    """
    Return whether such a source brings calibrations of its own, as only bags do.

    Raises what open_source raises for a bag.
    """
    path = expanded_path(path_or_device)
    return bool(path_or_device) and _is_bag(path) and BagImages(path, topic).is_calibrated


def losses_of(path_or_device: str, topic: str = '') -> tuple[str, ...]:
    """
    Return sentences on what is missing of such a source: of a bag that was not closed.

    Raises what open_source raises for a bag, and for a source that is not there.
    """
    if not path_or_device:
        return ()
    path = _existing(path_or_device)
    return BagImages(path, topic).losses if _is_bag(path) else ()


def _existing(path_or_device: str) -> Path:
    path = expanded_path(path_or_device)
    if not path.exists():
        raise ConfigError(f"there is no '{path_or_device}'; expected {_EXPECTED}")
    return path


def _open_file(path: Path, topic: str, pans: bool) -> FrameSource:
    suffix = path.suffix.lower()
    if _is_bag(path):
        return _open_bag(path, topic)
    if suffix in PICTURE_SUFFIXES:
        photo = read_image_file(path)
        if not pans:
            return StillPhoto(photo)
        # Even sizes suit every video format.
        height, width = (max(2, side // 2 * 2) for side in photo.shape[:2])
        return MovingPhoto(photo, height, width)
    return VideoFile(path)


def _is_bag(path: Path) -> bool:
    """Tell whether a path is that of a bag, and not of a folder of pictures with a bag in it."""
    return is_bag(path) and not (is_undescribed(path) and has_pictures(path))


def _open_bag(path: Path, topic: str) -> BagImages:
    bag = BagImages(path, topic)
    for loss in bag.losses:
        _logger.warning('%s', loss)
    return bag
