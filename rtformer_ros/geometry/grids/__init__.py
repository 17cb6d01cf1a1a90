# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Costmaps in a frame that does not move with the robot, and several of them in one.

Imports geometry alone.
"""
