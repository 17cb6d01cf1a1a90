# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Show the whole path: a camera, the segmentation node and a listener, each its own process."""
