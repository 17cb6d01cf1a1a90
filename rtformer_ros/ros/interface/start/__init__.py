# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Parameters between ROS and the node: declared at the start, read as their user means them.

Imports no other room of ros.
"""
