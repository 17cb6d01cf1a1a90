# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Files fetched over HTTP.

Imports errors and the other modules of files.
"""
