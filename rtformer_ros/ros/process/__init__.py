# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Process of any node: executor, signals, logs.

Imports nothing of this package but errors and files.
"""
