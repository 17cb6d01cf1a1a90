# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Executables, and what only they need.

Imports, of ros, interface, input, process and node; nothing imports a program.
"""
