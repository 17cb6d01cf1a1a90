# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Foreign text in messages: one line, of a length that is known, and as it was otherwise."""

import pytest
from rtformer_ros.errors import quoted, shown


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('expected \'rgb8\', came "x" \\ 1', 'expected \'rgb8\', came "x" \\ 1'),
        ('one\ntwo\x1b[2J\u202e\ud800 grün 道', 'one\\ntwo\\x1b[2J\\u202e\\ud800 grün 道'),
        ('x' * 81, 'x' * 77 + '...'),
        ('\n' * 41, '\\n' * 38 + '\\...'),
    ],
)
def test_foreign_text_is_one_line_and_cut(text, expected):
    assert shown(text) == expected
    # What was made so once stays as it is.
    assert shown(expected) == expected


def test_what_was_quoted_is_shown_as_it_was_quoted():
    message = f'unknown encoding {quoted("rgb8" + chr(10))}; it\'s none of "rgb8"'
    assert shown(message) == message
