# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Measure how well a model segments the images of a data set, and show where it fails.

Imports network, training's data sets and metrics, and drawing.
"""
