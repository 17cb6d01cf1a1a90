# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A depth camera, and a model for pictures of a ground scene."""

from closed_form_models import brightest_channel
from depth_camera import DepthCamera
import pytest


@pytest.fixture
def depth_camera(peer, camera) -> DepthCamera:
    return DepthCamera(peer, camera)


@pytest.fixture
def large_model(tmp_path):
    return brightest_channel(tmp_path / 'large.onnx', 480, 640)
