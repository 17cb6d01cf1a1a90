# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Parallel groups of low precision: several convolutions of 2 or 4 bits in place of a finer one.

After PalQuant (arXiv 2208.01944). Imports the other modules of network; training learns such
weights, deploy exports them.
"""
