# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real-time semantic segmentation for ROS 2 with RTFormer."""

__version__ = '0.1.0'
