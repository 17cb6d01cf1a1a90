# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The plans for frames of one encoding in one file: the network's, and small ones for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json

from rtformer_ros.files.json_text import parse_json

_MAGIC = b'rtformer_ros plans for frames 1\n'


@dataclass(frozen=True)
class FramePlans:
    """
    What frames of one encoding are run with.

    masks: the plan that takes frames and returns masks. pictures: by the name of a picture, the
    plan that paints it of the frame and its mask, which lie on the GPU already; a plan computes
    all that it returns, so one for each is run only while somebody looks at it.
    """

    masks: bytes
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the content of a file: a line, the sizes as a line of JSON, all plans."""
        sizes = {name: len(plan) for name, plan in {'': self.masks, **self.pictures}.items()}
        head = _MAGIC + json.dumps(sizes).encode() + b'\n'
        return b''.join([head, self.masks, *self.pictures.values()])

    @classmethod
    def from_bytes(cls, content: bytes) -> FramePlans:
        """Read what `to_bytes` wrote; anything else is taken for a plan without pictures."""
        if not content.startswith(_MAGIC):
            return cls(content)
        start = content.index(b'\n', len(_MAGIC)) + 1
        sizes = parse_json(content[len(_MAGIC) : start].decode(), 'the head of plans for frames')
        plans = {}
        for name, size in sizes.items():
            plans[name] = content[start : start + size]
            start += size
        return cls(plans.pop(''), plans)
