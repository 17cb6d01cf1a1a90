# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check how many images are divided into calls of a plan."""

from hypothesis import given
from hypothesis import strategies as st
import pytest
from rtformer_ros.engines.tensorrt.run.runner import Chunk, chunks


@given(
    st.integers(1, 200),
    st.sets(st.integers(1, 16), min_size=1, max_size=3).map(lambda sizes: tuple(sorted(sizes))),
)
def test_every_image_is_in_one_call_and_only_the_smallest_is_padded(total, sizes):
    made = list(chunks(total, sizes))
    assert [i for chunk in made for i in range(chunk.first, chunk.first + chunk.count)] == [
        *range(total)
    ]
    for chunk in made:
        assert chunk.size in sizes
        assert 1 <= chunk.count <= chunk.size
    padded = [chunk for chunk in made if chunk.count < chunk.size]
    assert len(padded) <= 1
    assert all(chunk.size == sizes[0] for chunk in padded)


@pytest.mark.parametrize(
    ('total', 'sizes', 'expected'),
    [
        (1, (1,), [(0, 1, 1)]),
        (3, (1, 4), [(0, 1, 1), (1, 1, 1), (2, 1, 1)]),
        (5, (1, 4), [(0, 4, 4), (4, 1, 1)]),
        (8, (1, 4), [(0, 4, 4), (4, 4, 4)]),
        (4, (3,), [(0, 3, 3), (3, 1, 3)]),
        (1, (2, 8), [(0, 1, 2)]),
    ],
)
def test_the_largest_calls_that_fit_come_first(total, sizes, expected):
    assert list(chunks(total, sizes)) == [Chunk(*each) for each in expected]
