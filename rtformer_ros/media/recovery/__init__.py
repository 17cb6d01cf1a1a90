# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Recovery of bags that were not closed: files whose end is missing, or whose journal was left.

Imports errors and files alone; rosbags reads what is recovered.
"""
