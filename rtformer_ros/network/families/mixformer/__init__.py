# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""MixFormer (arXiv 2204.02557): its settings, its block, its encoder and its networks."""
