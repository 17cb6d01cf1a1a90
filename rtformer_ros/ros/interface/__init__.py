# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Interface of the node: its parameters, topics and QoS, and the settings they are read into.

Imports no other room of ros.
"""
