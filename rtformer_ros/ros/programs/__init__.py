# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Executables, and what only they need.

May import every room of ros; nothing imports a program.
"""
