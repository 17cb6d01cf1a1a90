# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run a camera's frames as they came.

Imports imaging for tables of sizes and deploy for the graph; ONNX Runtime in its session alone,
OpenCV in picture_frame.
"""
