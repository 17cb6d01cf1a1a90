# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Find, write, lock and fetch files.

Imports nothing of this package but errors.
"""
