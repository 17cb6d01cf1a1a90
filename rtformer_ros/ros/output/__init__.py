# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Converters and publishers: from our values to ROS messages.

Imports interface, input and frames.
"""
