# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Plans that take a camera's frames: the sizes that they are built for, and their runner.

Imports the room run; imaging where the sizes of a graph are fixed.
"""
