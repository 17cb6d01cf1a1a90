# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""DDRNet (arXiv 2101.06085): its settings, its backbone, its networks and the names of weights."""
