# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Decide which engine runs, and build the next one in the background.

state has the states and their transitions, loader carries them out. Imports, of ros, interface and
frames.
"""
