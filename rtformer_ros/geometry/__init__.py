# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Projective geometry: camera model and pose, the ground plane, occupancy grid, scan and point cloud.

Imports errors, labels and segmentation; NumPy and OpenCV's calibration do the arithmetic.
"""
