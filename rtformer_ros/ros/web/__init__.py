# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Web page of a running node, served by a process of its own.

Knows the node from outside alone: topics, /diagnostics, parameters and services. May import
ros.interface and ros.input, and ros.process, which runs it.
"""
