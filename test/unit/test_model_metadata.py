# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check that a model's metadata survives storage and that broken metadata is named."""

import json
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
import pytest
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.model_metadata import (
    has_metadata,
    InputFormat,
    Layout,
    ModelMetadata,
    OutputKind,
    OutputLayout,
)

METADATA = ModelMetadata(
    labels=LabelSet(
        'two', (LabelClass('Straße', (1, 2, 3), 'drivable'), LabelClass('b', (4, 5, 6)))
    ),
    variant='slim',
    height=360,
    width=480,
    checkpoint_sha256='ab' * 32,
    exporter='rtformer_ros 0.1.0',
    description='untrained: random weights',
)
FINITE = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)


def test_properties_hold_the_metadata_and_nothing_is_lost():
    properties = METADATA.to_properties()
    assert all(isinstance(text, str) for text in properties.values())
    assert all(key.startswith('rtformer_ros.') for key in properties)
    assert properties['rtformer_ros.height'] == '360'
    assert json.loads(properties['rtformer_ros.labels'])['classes'][0]['name'] == 'Straße'
    assert ModelMetadata.from_properties({'author': 'somebody', **properties}) == METADATA


@given(
    input_format=st.builds(
        InputFormat,
        layout=st.sampled_from(get_args(Layout)),
        channel_order=st.sampled_from(['rgb', 'bgr']),
        scale=POSITIVE,
        mean=st.tuples(FINITE, FINITE, FINITE),
        std=st.tuples(POSITIVE, POSITIVE, POSITIVE),
    ),
    output=st.sampled_from(get_args(OutputKind)),
    output_layout=st.sampled_from(get_args(OutputLayout)),
    output_name=st.text(),
    height=st.integers(0, 10_000),
    description=st.text(),
)
def test_any_metadata_survives(input_format, height, **texts):
    metadata = ModelMetadata(input=input_format, height=height, **texts)
    assert ModelMetadata.from_properties(metadata.to_properties()) == metadata


def test_only_own_properties_count_as_metadata():
    assert has_metadata(METADATA.to_properties())
    assert not has_metadata({'format': '1', 'labels': '[]'})


@pytest.mark.parametrize(
    ('key', 'text', 'message'),
    [
        ('format', '2', r"m\.onnx: the property 'rtformer_ros.format' is '2'; expected '1'"),
        ('labels', '{', r'm\.onnx: labels is no JSON'),
        ('labels', '{}', r"m\.onnx: labels: expected a mapping with a list 'classes'"),
        ('height', 'tall', r'm\.onnx: height is no JSON'),
        ('width', '-1', r'm\.onnx: width is -1; expected a number of pixels'),
        ('input', '{"std": [1, 0, 1]}', r'm\.onnx: input: scale is .* std is .*; .* above 0'),
        (
            'output',
            'boxes',
            r'm\.onnx: output is a text of 5 characters; expected one of class_map_confidence',
        ),
    ],
)
def test_a_broken_property_is_named(key, text, message):
    properties = {**METADATA.to_properties(), f'rtformer_ros.{key}': text}
    with pytest.raises(ModelError, match=message):
        ModelMetadata.from_properties(properties, 'm.onnx')


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ([], 'm.yaml: expected a mapping with keys of'),
        ({'sizes': 1}, 'm.yaml: unknown key.s. sizes; expected .*height'),
        ({'height': True}, 'm.yaml: height is True'),
        ({'height': '360'}, 'm.yaml: height is a text of 3 characters'),
        ({'description': 1}, 'm.yaml: description is 1; expected text'),
        ({'output': ['logits']}, 'm.yaml: output is .*; expected'),
        ({'labels': 'camvid'}, 'm.yaml: labels: expected a mapping'),
        ({'input': 'rgb'}, 'm.yaml: input: expected a mapping with keys of layout'),
        ({'input': {'order': 'rgb'}}, 'm.yaml: input: unknown key.s. order'),
        (
            {'input': {'layout': 'nchw'}},
            'input: layout is a text of 4 characters; expected one of nhwc_uint8, nchw',
        ),
        (
            {'input': {'channel_order': 'gbr'}},
            'channel_order is a text of 3 characters; expected one of rgb, bgr, grey',
        ),
        ({'input': {'mean': '0.5'}}, 'input: mean is a text of 3 characters; expected three'),
        ({'input': {'mean': [[1]]}}, 'input: mean is a list of 1; expected a number'),
        (
            {'input': {'channel_order': 'grey', 'mean': [0, 0, 1]}},
            r'input: channel_order is grey, mean is \[0.0, 0.0, 1.0\] .*; expected one number',
        ),
        ({'size': [640, 360]}, 'm.yaml: size is a list of 2; expected WIDTHxHEIGHT in pixels'),
        ({'size': '0x10'}, 'm.yaml: size is a text of 4 characters; expected WIDTHxHEIGHT'),
        ({'size': '20000x10'}, 'm.yaml: size is 20000; expected a number of pixels up to'),
        ({'size': '4x9', 'height': 4}, 'm.yaml: size is 4x9, but width is 0 and height 4'),
        ({'output_name': 1}, 'm.yaml: output_name is 1; expected text'),
        ({'input': {'mean': [0, 0]}}, 'input: mean is a list of 2; expected three numbers'),
        (
            {'input': {'std': [1, 1, 'x']}},
            'input: std is a text of 1 characters; expected a number',
        ),
        ({'input': {'std': [1, 1, float('nan')]}}, 'input: std is nan; expected a number'),
        ({'input': {'scale': -1}}, 'm.yaml: input: scale is -1'),
    ],
)
def test_plain_data_that_means_nothing_is_refused(data, message):
    with pytest.raises(ConfigError, match=message):
        ModelMetadata.from_dict(data, 'm.yaml')


def test_plain_data_may_leave_everything_out():
    assert ModelMetadata.from_dict({}, 'm.yaml') == ModelMetadata()
    assert ModelMetadata.from_dict({'input': {'mean': [1, 2, 3]}}, 'm.yaml').input == InputFormat(
        mean=(1.0, 2.0, 3.0)
    )


def test_a_size_is_width_times_height():
    metadata = ModelMetadata.from_dict({'size': '640x360'}, 'm.yaml')
    assert (metadata.width, metadata.height) == (640, 360)
    assert ModelMetadata.from_dict({'size': '640x360', 'width': 640}, 'm.yaml') == metadata


def test_one_number_stands_for_all_channels():
    grey = InputFormat.from_dict({'channel_order': 'grey', 'mean': 0.4, 'std': [0.2]}, 'm.yaml')
    assert (grey.mean, grey.std, grey.channels) == ((0.4,) * 3, (0.2,) * 3, 1)
    assert InputFormat.from_dict({'mean': 0.5}, 'm.yaml').mean == (0.5,) * 3
