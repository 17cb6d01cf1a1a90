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


@pytest.mark.parametrize('value', ['front', 3, True, [1, 2], [b'a'], ['a', 1], array('d', [1.0])])
def test_what_is_no_list_of_texts_is_refused_with_what_is(value):
    with pytest.raises(ConfigError, match=r"names is .*expected a list of texts, as in \['one'"):
        NAMES.value_of(value)


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
