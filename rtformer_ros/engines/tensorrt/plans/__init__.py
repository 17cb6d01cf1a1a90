# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Plans on disk: the cache of those that were built, and files that were built ahead of time.

Imports neither build nor run.
"""
