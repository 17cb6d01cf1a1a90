# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Processes of ours: children that end with their parent, and give way to it.

Imports nothing of this package, so that every room can use it. Knows nothing of what the
processes do.
"""
