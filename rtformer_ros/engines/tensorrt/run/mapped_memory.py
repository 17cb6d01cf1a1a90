# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Mapped memory: whether a GPU works on the host's pinned memory, so that nothing is copied."""

from __future__ import annotations

import logging

_logger = logging.getLogger(__name__)

# From Xavier on the GPU of a Jetson sees what the CPU's caches hold (I/O coherence). Before, on
# TX2 and Nano, the CPU goes without its caches to all pinned memory: to read a mask there pixel
# by pixel would cost more than a copy. ("CUDA for Tegra", Memory Types.)
_COHERENT = (7, 2)


def uses_mapped_memory(
    *, is_integrated: bool, can_map_host_memory: bool, capability: tuple[int, int]
) -> bool:
    """
    Return whether frames and results of a device lie in mapped memory, by its properties.

    capability: the compute capability. An integrated GPU that takes copies all the same is logged.
    """
    if not is_integrated:
        return False
    if not can_map_host_memory:
        reason = 'it cannot map host memory'
    elif capability < _COHERENT:
        reason = (
            'its compute capability is {}.{}, and below {}.{} the CPU does not cache mapped '
            'memory'.format(*capability, *_COHERENT)
        )
    else:
        return True
    _logger.warning('the integrated GPU gets copies of frames and results: %s', reason)
    return False
