# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters that are set while frames flow; none of them changes a mask."""

from typing import Any

# name, value, whether it is accepted
HARMLESS_SETS: list[tuple[str, Any, bool]] = [
    ('overlay_alpha', 0.3, True),
    ('overlay_alpha', 7.0, False),
    ('palette', 'distinct', True),
    ('palette', 'pink', False),
    ('colors', 'red=#102030', True),
    ('colors', 'purple=#102030', False),
    ('class_filter', 'green', True),
    ('class_filter', '', True),
    ('jpeg_quality', 50, True),
    ('jpeg_quality', 5000, False),
    ('batch_wait_ms', 1.0, True),
    ('batch_wait_ms', 0.0, True),
    ('resize', 'letterbox', True),
    ('resize', 'stretch', True),
    ('output_size', 'network', True),
    ('output_size', '0x0', False),
    ('max_image_pixels', 5000, True),
    ('max_image_pixels', -1, False),
    ('costmap.size_m', 10.0, True),
    ('costmap.size_m', 0.0, False),
    ('costmap.costs', 'drivable=0, obstacle=100', True),
    ('costmap.decay_s', 0.5, True),
    ('scan.angle_increment_deg', 1.0, True),
    ('scan.range_max_m', 8.0, True),
    ('camera.pitch_deg', 10.0, True),
    ('camera.pitch_deg', 200.0, False),
    ('points.stride', 2, True),
    ('points.voxel_m', 0.1, True),
    ('points.voxel_m', 0.0, True),
    ('publish.overlay', False, True),
    ('publish.overlay', True, True),
    ('qos.mask.depth', 7, True),
    ('labels', 'ade20k', False),
    ('labels', '/dev/zero', False),
    ('model', '/nowhere.onnx', False),
    ('engine', 'torch', False),
    ('network_size', '32x32', False),
    ('no_such_parameter', 1, False),
]
