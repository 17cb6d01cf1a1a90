# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read what annotation programs export: COCO polygons, Labelme, CVAT's segmentation masks.

One module a format, each with a reader that returns Annotations.
"""
