# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Meet ROS 2; the only folder that imports it.

The rooms follow a frame's way: interface, input, frames, output, model, node; process is what any
node runs in, programs are the executables.
"""
