# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Guess the sidecar of another program's model, with a reason for each line, and try it."""
