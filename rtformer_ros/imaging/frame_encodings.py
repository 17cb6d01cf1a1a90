# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Encodings of the frames that an engine may take as they came; known without any library."""

FRAME_ENCODINGS: tuple[str, ...] = (
    'rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'nv12',
    'nv21',
)  # fmt: skip
"""As sensor_msgs names them: 8 bits, packed or YUV."""
