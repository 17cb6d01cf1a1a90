# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The classes that are told are exactly those that a remapped mask can hold."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.labels.published_classes import (
    published_classes,
    PublishedClass,
    UNLABELED_NAME,
)

PALETTE = np.arange(256 * 3, dtype=np.int64).reshape(256, 3).astype(np.uint8)


@given(
    st.integers(1, 255).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.integers(0, 255), min_size=count, max_size=count)
        )
    )
)
def test_every_id_that_a_mask_can_hold_is_told_once(count_and_targets):
    count, targets = count_and_targets
    labels = LabelSet.generic(count)
    table = bytes(targets) + bytes(range(count, 256))
    found = published_classes(labels, table, PALETTE)
    remapped = np.array(list(table), np.uint8)[np.arange(count)]
    assert [c.class_id for c in found] == sorted({*remapped.tolist(), 255})
    assert all(c.color_rgb == tuple(PALETTE[c.class_id].tolist()) for c in found)
    # A class's own id keeps its name, whatever becomes it.
    assert all(c.name == labels.names[c.class_id] for c in found if c.class_id < count)


def test_without_remap_the_classes_are_those_of_the_labels():
    shown = np.zeros(256, bool)
    shown[1] = True
    labels = LabelSet.generic(2)
    first, second, last = published_classes(labels, b'', PALETTE, shown)
    assert (first.name, first.is_shown, second.is_shown) == ('class_0', False, True)
    assert last == PublishedClass(255, UNLABELED_NAME, (253, 254, 255), 'other', is_shown=False)
