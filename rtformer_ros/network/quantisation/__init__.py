# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Quantised weights: layered codes of 8 bits of which the upper 6, 4 or 2 are a network as well.

`parallel/`: groups of few bits instead, in weights and features.

Imports the registry and the weights of network; training learns such weights, deploy exports them.
"""
