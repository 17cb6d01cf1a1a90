# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
What a live stream of frames needs, without ROS: queue, rate, cache, statistics, smoothing.

Imports segmentation alone.
"""
