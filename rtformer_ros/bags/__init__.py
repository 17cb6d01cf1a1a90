# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Add masks to recorded bags, without a ROS installation.

Imports media for the bags, segmenter and engines for the masks; knows no ROS.
"""
