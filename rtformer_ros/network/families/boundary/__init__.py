# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Hold what sharpens the borders between classes, in front of the head of a network.

Imports blocks of network alone.
"""
