# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Words that the page's scripts have of their own are those of the node and the server."""

import ast
from importlib.resources import files
import re

import pytest
from rtformer_ros.ros.web.views import VIEWS
from rtformer_ros.stream.statistics import STAGES


@pytest.mark.parametrize(
    ('script', 'name', 'ours'), [('main.js', 'VIEWS', VIEWS), ('figures.js', 'STAGES', STAGES)]
)
def test_a_list_of_the_page_has_our_words_in_our_order(script, name, ours):
    text = files('rtformer_ros.ros.web').joinpath('page', script).read_text()
    [words] = re.findall(rf'^const {name} = (\[.*\]);$', text, re.MULTILINE)
    assert ast.literal_eval(words) == [*ours]
