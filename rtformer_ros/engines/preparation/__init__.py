# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Preparation of a model in a process of its own, so that an engine that runs keeps its core.

Imports what `engines` may.
"""
