# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Hold the networks, a family each: its layers, its settings, and its NetworkFamily.

Imports blocks and family of network; only the registry and builders of one family import it.
"""
