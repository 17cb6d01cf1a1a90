# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from rtformer_ros.files.fastdds_profile import PROFILE_VARIABLES, profile_variables

PROFILE = Path(__file__).resolve().parents[3] / 'config' / 'fastdds_large_images.xml'


@pytest.mark.parametrize(
    'environment',
    [{}, {'RMW_IMPLEMENTATION': ''}, {'RMW_IMPLEMENTATION': 'rmw_fastrtps_dynamic_cpp'}],
)
def test_fastdds_gets_the_packaged_profile_under_both_names(environment: dict[str, str]) -> None:
    assert profile_variables(environment) == dict.fromkeys(PROFILE_VARIABLES, str(PROFILE))


@pytest.mark.parametrize(
    'environment',
    [
        {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
        {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'},
        {'FASTRTPS_DEFAULT_PROFILES_FILE': '/mine.xml'},
        {'FASTDDS_DEFAULT_PROFILES_FILE': '/mine.xml'},
    ],
)
def test_another_middleware_or_a_profile_of_the_users_is_left_alone(
    environment: dict[str, str],
) -> None:
    assert profile_variables(environment) == {}


def test_the_profile_is_the_default_and_holds_images_of_1920x1080() -> None:
    names = {'p': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}
    root = ElementTree.parse(PROFILE).getroot()
    [participant] = root.iterfind('p:participant', names)
    assert participant.get('is_default_profile') == 'true'
    assert participant.findtext('.//p:useBuiltinTransports', namespaces=names) == 'false'
    used = {e.text for e in participant.iterfind('.//p:userTransports/p:transport_id', names)}
    transports = {
        e.findtext('p:transport_id', namespaces=names): e
        for e in root.iterfind('.//p:transport_descriptor', names)
    }
    assert used == set(transports)
    kinds = {e.findtext('p:type', namespaces=names): e for e in transports.values()}
    assert set(kinds) == {'SHM', 'UDPv4'}
    segment_size = int(kinds['SHM'].findtext('p:segment_size', namespaces=names) or 0)
    assert segment_size >= 5 * 1920 * 1080 * 3
