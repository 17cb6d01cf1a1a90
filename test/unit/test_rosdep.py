# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What package.xml depends on, rosdep finds on every system of our ROS distributions."""

from pathlib import Path
from xml.etree import ElementTree

import yaml

ROOT = Path(__file__).resolve().parents[2]
KEYS = yaml.safe_load((ROOT / 'test/data/rosdep/keys.yaml').read_text())
DISTRIBUTIONS = {'humble', 'jazzy', 'kilted'}
# Of REP 149. A key in a comment is none.
DEPENDENCIES = (
    'depend', 'build_depend', 'build_export_depend', 'buildtool_depend', 'exec_depend',
    'test_depend', 'doc_depend',
)  # fmt: skip


def dependencies():
    root = ElementTree.parse(ROOT / 'package.xml').getroot()
    return [(element.tag, element.text) for tag in DEPENDENCIES for element in root.findall(tag)]


def test_every_dependency_is_a_key():
    names = [name for _, name in dependencies()]
    assert len(names) > 15
    assert set(names) - {*KEYS['packages'], *KEYS['system']} == set()


def test_no_other_dependencies_are_declared():
    tags = {child.tag for child in ElementTree.parse(ROOT / 'package.xml').getroot()}
    assert {tag for tag in tags if tag.endswith('depend')} <= set(DEPENDENCIES)


def test_packages_of_ros_are_released_for_each_distribution():
    names = {name for _, name in dependencies()} & set(KEYS['packages'])
    assert {name for name in names if set(KEYS['packages'][name]) != DISTRIBUTIONS} == set()


def test_bloom_makes_a_package_of_it():
    """A Debian package cannot depend on what pip installs: bloom refuses these keys."""
    for _, name in dependencies():
        systems = KEYS['system'].get(name, {'ubuntu': ['of ROS'], 'debian': ['of ROS']})
        assert all(isinstance(systems[system], list) for system in ('ubuntu', 'debian')), name
        assert not name.endswith('-pip')
