# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Pictures for people: class colours, overlays, legends, panels, the ground from above.

Imports labels, segmentation, imaging and geometry; nothing that runs a network.
"""
