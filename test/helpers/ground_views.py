# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the projections need of a scene: the package's own camera, pose and groups of it."""

from __future__ import annotations

from functools import cache

from ground_scene import BOX, GROUND, Scene, SKY
import numpy as np
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.segmentation import Segmentation

PATH = 3
GROUPS = {GROUND: 'drivable', BOX: 'obstacle', SKY: 'sky', PATH: 'walkable'}


@cache
def view_of(scene: Scene) -> GroundView:
    lens, extrinsics = scene.lens, scene.extrinsics
    camera = CameraModel(lens.height, lens.width, lens.k, lens.model, lens.d)
    pitch_rad, roll_rad = np.radians([extrinsics.pitch_deg, extrinsics.roll_deg])
    pose = CameraPose.from_angles(
        extrinsics.height_m, pitch_rad, roll_rad, forward_m=extrinsics.forward_m
    )
    return GroundView(camera, pose)


def sure(class_map_hw: np.ndarray, confidence: int = 255) -> Segmentation:
    return Segmentation(class_map_hw, np.full_like(class_map_hw, confidence))
