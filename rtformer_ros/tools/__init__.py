# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Offer the package on the command line.

May import everything but ros, which tools start as processes; nothing imports a tool.
"""
