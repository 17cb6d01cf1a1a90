# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the images and the compose file name exists: files, arguments, programs, parameters."""

import ast
import os
from pathlib import Path
import re
import shlex

import pytest
from rtformer_ros.processes.executables import PROGRAMS, TOOLS
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted(ROOT.glob('docker/Dockerfile*'))
COMPOSE = yaml.safe_load((ROOT / 'docker/compose.yaml').read_text())
# Given by the base image, or by Docker.
GIVEN = {'ROS_DISTRO', 'PATH', 'VIRTUAL_ENV'}
# Where the images keep the package.
SHARE = '/opt/rtformer_ros/share/rtformer_ros/'


def instructions(path):
    """Return (instruction, rest) of a Dockerfile, without comments, lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith('#')]
    joined = re.sub(r'\\\n', ' ', '\n'.join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def launch_arguments():
    """Return the arguments of seg.launch.py: the keys of its tables."""
    tree = ast.parse((ROOT / 'launch/seg.launch.py').read_text())
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    keys = [key for table in tables if isinstance(table, ast.Dict) for key in table.keys]
    return {ast.literal_eval(key) for key in keys}


def images():
    return pytest.mark.parametrize('path', DOCKERFILES, ids=lambda path: path.name)


def test_there_are_two_images():
    assert [path.name for path in DOCKERFILES] == ['Dockerfile', 'Dockerfile.jetson']


@images()
def test_copied_files_exist(path):
    copies = [shlex.split(rest)[:-1] for name, rest in instructions(path) if name == 'COPY']
    sources = [each for each in copies if not each[0].startswith('--from=')]
    assert len(sources) >= 4
    assert [source for each in sources for source in each if not (ROOT / source).exists()] == []


@images()
def test_stages_that_are_named_exist(path):
    stages = [rest.split()[-1] for name, rest in instructions(path) if name == 'FROM']
    text = path.read_text()
    assert stages == ['base', 'build', 'runtime']
    assert set(re.findall(r'--from=(\w+)', text)) <= set(stages)


@images()
def test_base_images_have_a_tag(path):
    [base] = [rest.split()[0] for name, rest in instructions(path) if name == 'FROM'][:1]
    assert re.fullmatch(r'[\w./-]+:[\w.${}-]+', base)
    assert not base.endswith(':latest')


@images()
def test_variables_are_declared(path):
    text = path.read_text()
    declared = set(re.findall(r'^ARG (\w+)', text, re.MULTILINE))
    declared |= set(re.findall(r'(?:ENV | )([A-Z_]+)=', text))
    used = set(re.findall(r'\$\{?([A-Z_]+)', text))
    assert used <= declared | GIVEN


@images()
def test_requirements_that_are_installed_exist(path):
    text = path.read_text()
    names = set(re.findall(r'requirements/(\w+)\.txt', text)) | set(
        re.findall(r'file=(\w+)', text)
    )
    assert names
    assert {name for name in names if not (ROOT / f'requirements/{name}.txt').is_file()} == set()


@images()
def test_the_node_is_no_root_and_is_watched(path):
    last = dict(instructions(path))
    assert last['USER'] not in ('root', '0')
    assert 'healthcheck.py' in last['HEALTHCHECK']
    assert last['ENTRYPOINT'] == '["/opt/docker/entrypoint.sh"]'
    assert last['CMD'] == '["ros2", "launch", "rtformer_ros", "seg.launch.py"]'


def test_the_entrypoint_can_be_run():
    assert os.access(ROOT / 'docker/entrypoint.sh', os.X_OK)


def test_the_context_holds_what_is_copied():
    ignored = (ROOT / '.dockerignore').read_text().split()
    needed = {'docker', 'requirements', 'package.xml', 'setup.py', 'setup.cfg', 'resource'}
    needed |= {'rtformer_ros', 'launch', 'config', 'models', 'samples', 'LICENSE'}
    assert needed & set(ignored) == set()


def test_compose_builds_an_image_that_is_there():
    build = COMPOSE['services']['segmentation']['build']
    context = (ROOT / 'docker' / build['context']).resolve()
    assert context == ROOT
    dockerfile = context / build['dockerfile']
    declared = re.findall(r'^ARG (\w+)', dockerfile.read_text(), re.MULTILINE)
    assert set(build['args']) <= set(declared)


@pytest.mark.parametrize('name', COMPOSE['services'])
def test_commands_of_compose_exist(name):
    command = shlex.split(COMPOSE['services'][name]['command'])
    assert command[2] == 'rtformer_ros'
    if command[1] == 'launch':
        assert (ROOT / 'launch' / command[3]).is_file()
        given = {each.partition(':=')[0] for each in command[4:]}
        assert given - launch_arguments() == set()
    else:
        assert command[3] in PROGRAMS | TOOLS


@pytest.mark.parametrize('name', COMPOSE['services'])
def test_files_and_volumes_of_compose_exist(name):
    service = COMPOSE['services'][name]
    files = [value for value in service['environment'].values() if str(value).startswith('/')]
    assert [f for f in files if not (ROOT / f.removeprefix(SHARE)).is_file()] == []
    assert {each.split(':')[0] for each in service.get('volumes', [])} <= set(COMPOSE['volumes'])
    assert service['network_mode'] == service['ipc'] == 'host'
