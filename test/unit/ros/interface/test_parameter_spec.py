# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from array import array

import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.parameters import SPECS

NAMES = ParameterSpec('names', (), 'Some texts')


@pytest.mark.parametrize('empty', [None, [], (), array('d'), array('q')])
def test_empty_list_of_any_type_is_an_empty_list_of_texts(empty):
    assert NAMES.value_of(empty) == ()


@pytest.mark.parametrize('value', [3, True, [1, 2], [b'a'], ['a', 1], array('d', [1.0])])
def test_what_is_no_list_of_texts_is_refused_with_what_is(value):
    with pytest.raises(ConfigError, match=r"names is .*expected a list of texts, as in \['one'"):
        NAMES.value_of(value)


NUMBERS = ParameterSpec('numbers', (), 'Some numbers', items=float)


@pytest.mark.parametrize(
    'value', [[0.5, 1], (0.5, 1.0), array('d', [0.5, 1]), ['0.5', '1'], '[0.5, 1]', '0.5,1']
)
def test_list_of_numbers_is_read_as_it_is_meant(value):
    read = NUMBERS.value_of(value)
    assert read == (0.5, 1.0)
    assert {type(number) for number in read} == {float}
    assert NUMBERS.value_of([]) == NUMBERS.value_of(None) == NUMBERS.value_of('') == ()


@pytest.mark.parametrize('value', [3, 0.5, True, [True], 'a, b', ['a'], [None], {}])
def test_what_is_no_list_of_numbers_is_refused_with_what_is(value):
    with pytest.raises(ConfigError, match=r'numbers is .*expected a list of numbers, as in \[0.5'):
        NUMBERS.value_of(value)


@pytest.mark.parametrize('text', ['front, left', '[front,left]', "['front', 'left']"])
def test_text_with_commas_does_for_a_list(text):
    assert NAMES.value_of(text) == ('front', 'left')


@pytest.mark.parametrize(
    ('default', 'given', 'value'),
    [(0.5, 1, 1.0), ('', 640, '640'), ('', 'a', 'a'), (0, 7, 7), (True, False, False)],
)
def test_what_is_meant_has_the_type_that_was_declared(default, given, value):
    read = ParameterSpec('name', default, 'Something').value_of(given)
    assert (read, type(read)) == (value, type(default))


@pytest.mark.parametrize(
    ('default', 'given', 'expected'),
    [
        (0.5, True, 'a floating-point number'),
        (0.5, '1', 'a floating-point number'),
        (1, 1.0, 'an integer'),
        (1, True, 'an integer'),
        (True, 1, 'a boolean'),
        ('', True, 'a text'),
        ('', 1.5, 'a text'),
        ('', ['a', 'b'], 'a text'),
    ],
)
def test_what_may_mean_something_else_is_refused(default, given, expected):
    with pytest.raises(ConfigError, match=f'name is .*; expected {expected}'):
        ParameterSpec('name', default, 'Something').value_of(given)


def test_list_of_texts_does_for_a_text_with_commas():
    assert SPECS['class_filter'].value_of(['Road', 'Car']) == 'Road, Car'
    assert SPECS['class_filter'].value_of([]) == ''


def test_list_of_texts_is_kept_and_its_type_left_to_the_check():
    assert NAMES.value_of(['b', 'a']) == ('b', 'a')
    assert NAMES.descriptor().dynamic_typing
    assert NAMES.ros_default == []
    assert not ParameterSpec('text', '', 'A text').descriptor().dynamic_typing


@pytest.mark.parametrize(
    ('names', 'expected'),
    [((), ('',)), (('',), ('',)), (('a', '', 'b'), ('a', 'b')), (('front_2',), ('front_2',))],
)
def test_names_of_cameras(names, expected):
    values = {name: spec.default for name, spec in SPECS.items()}
    assert NodeSettings.from_values({**values, 'cameras': names}).cameras == expected


@pytest.mark.parametrize('name', ['2nd', '_x', 'a__b', 'a/b', '/a', 'a b', '~a', 'ä', 'a-b'])
def test_names_that_cannot_be_in_a_topic_are_refused(name):
    values = {name: spec.default for name, spec in SPECS.items()}
    with pytest.raises(ConfigError, match='letters, digits and single underscores'):
        NodeSettings.from_values({**values, 'cameras': ('front', name)})
