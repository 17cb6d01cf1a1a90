# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Table of what the demo measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_UNKNOWN = '-'


def demo_table(summary: Mapping[str, Any]) -> str:
    """
    Return the figures of a run as lines of text.

    summary: what the result collector wrote (its `summary.json`).
    """
    node: Mapping[str, str] = summary['node']
    latency = summary['latency_ms']
    model = Path(node['model']).name if node.get('model') else _UNKNOWN
    rows = {
        'frames sent': str(summary['frames_sent']),
        'frames segmented': node.get('frames segmented', _UNKNOWN),
        'frames dropped': _dropped(summary),
        'masks received': str(summary['masks_received']),
        'masks per second': f'{summary["fps"]:.1f}',
        'latency p50': _milliseconds(latency['p50']),
        'latency p95': _milliseconds(latency['p95']),
        'engine': ', '.join(filter(None, (node.get('engine'), node.get('engine detail'))))
        or _UNKNOWN,
        'device': node.get('device') or _UNKNOWN,
        'model': model,
        'camera image': _size(summary['image_size']),
        'network input': node.get('network size') or _UNKNOWN,
        'mask': _size(summary['mask_size']),
    }
    for name in ('costmaps', 'scans'):
        if summary.get(f'{name}_received'):
            rows[f'{name} received'] = str(summary[f'{name}_received'])
    width = max(map(len, rows))
    return '\n'.join(f'  {name:<{width}}  {value}' for name, value in rows.items())


def _dropped(summary: Mapping[str, Any]) -> str:
    """Return how many of the sent frames became no mask, and why as far as the node knows."""
    node: Mapping[str, str] = summary['node']
    causes = [
        f'{count} {key.removeprefix("dropped: ")}'
        for key, count in node.items()
        if key.startswith('dropped: ') and count != '0'
    ]
    lost = summary['frames_sent'] - int(node.get('frames received', summary['frames_sent']))
    if lost > 0:
        causes.append(f'{lost} never reached the node')
    text = str(summary['frames_sent'] - summary['masks_received'])
    return f'{text} ({", ".join(causes)})' if causes else text


def _milliseconds(value: float | None) -> str:
    return _UNKNOWN if value is None else f'{value:.1f} ms (camera stamp to received mask)'


def _size(size: list[int]) -> str:
    return f'{size[0]} x {size[1]}' if all(size) else _UNKNOWN
