# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Subscriptions and their messages: from ROS messages to our values.

Imports interface.
"""
