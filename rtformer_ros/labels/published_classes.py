# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Published classes: those a mask holds once ids are remapped, how they look, what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args, TYPE_CHECKING

import numpy as np
from rtformer_ros.labels.class_options import parse_class_filter
from rtformer_ros.labels.label_set import ColorRgb, LabelSet, PlannerGroup
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

UNLABELED_NAME = 'UNLABELED'


@dataclass(frozen=True)
class PublishedClass:
    """
    One id that masks may hold.

    class_id: 0..255. color_rgb: as in the pictures, 0..255. is_shown: whether pictures show it.
    """

    class_id: int
    name: str
    color_rgb: ColorRgb
    group: PlannerGroup
    is_shown: bool = True


def published_classes(
    labels: LabelSet,
    class_remap: bytes,
    palette_rgb: npt.NDArray[np.uint8],
    shown_ids: npt.NDArray[np.bool_] | None = None,
) -> tuple[PublishedClass, ...]:
    """
    Return the classes of a mask by rising id, the last being 255, UNLABELED.

    class_remap: the id put for each id, 256 bytes; b'' leaves ids alone. An id that only other
    classes become has their names, joined by '+', and their group if they share one, else
    'other'. palette_rgb: uint8 [256, 3]; shown_ids: bool [256], None for all.
    """
    table = class_remap or bytes(range(256))
    sources: dict[int, list[int]] = {}
    for class_id in range(len(labels)):
        sources.setdefault(table[class_id], []).append(class_id)
    sources.pop(UNLABELED_ID, None)
    found = [
        PublishedClass(
            class_id,
            _name(class_id, sources[class_id], labels),
            _color(palette_rgb, class_id),
            _group(class_id, sources[class_id], labels),
            shown_ids is None or bool(shown_ids[class_id]),
        )
        for class_id in sorted(sources)
    ]
    unlabeled_color = _color(palette_rgb, UNLABELED_ID)
    unlabeled = PublishedClass(
        UNLABELED_ID, UNLABELED_NAME, unlabeled_color, 'other', is_shown=False
    )
    return (*found, unlabeled)


def chosen_ids(text: str, classes: Sequence[PublishedClass], labels: LabelSet) -> frozenset[int]:
    """
    Read 'CLASS or GROUP, ...' into ids; '' chooses all classes but the unlabelled.

    CLASS: a name or id. Raises ConfigError for what is neither class nor planner group.
    """
    labeled = [each for each in classes if each.class_id != UNLABELED_ID]
    chosen: set[int] = set()
    names = [part.strip() for part in text.split(',') if part.strip()]
    for name in names:
        if name in get_args(PlannerGroup):
            chosen |= {each.class_id for each in labeled if each.group == name}
        else:
            chosen |= parse_class_filter(name, labels) or set()
    if not names:
        chosen = {each.class_id for each in labeled}
    return frozenset(chosen & {each.class_id for each in labeled})


def _name(class_id: int, sources: Sequence[int], labels: LabelSet) -> str:
    if class_id < len(labels):
        return labels.names[class_id]
    return '+'.join(labels.names[source] for source in sources)


def _group(class_id: int, sources: Sequence[int], labels: LabelSet) -> PlannerGroup:
    if class_id < len(labels):
        return labels.classes[class_id].group
    groups = {labels.classes[source].group for source in sources}
    return groups.pop() if len(groups) == 1 else 'other'


def _color(palette_rgb: npt.NDArray[np.uint8], class_id: int) -> ColorRgb:
    red, green, blue = (int(value) for value in palette_rgb[class_id])
    return red, green, blue
