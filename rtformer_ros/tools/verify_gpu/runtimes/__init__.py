# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Runtimes for a GPU that are compared with each other, and what they are called with."""
