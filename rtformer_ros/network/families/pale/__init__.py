# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pale Transformer (arXiv 2112.14000): its settings, its block, its encoder and its networks."""
