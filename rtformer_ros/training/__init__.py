# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Train networks: data, losses, optimiser, and the loop that joins them.

Imports network, deploy, drawing, labels, imaging and files; only evaluation and tools import it.
"""
