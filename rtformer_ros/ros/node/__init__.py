# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Lifecycle node: its cameras, its worker thread, its services and diagnostics.

Imports all rooms of ros but programs and web.
"""
