# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The package as a ROS workspace sees it: described, built and installed by colcon."""

from __future__ import annotations

import ast
from pathlib import Path
import re
import subprocess
import sys

import pytest

EXECUTABLES = (
    'segmentation_node', 'image_source', 'export', 'build_engine', 'benchmark', 'demo', 'train',
    'evaluate', 'import_labels', 'convert', 'download', 'models', 'check_model', 'verify_gpu',
    'process_bag', 'describe_model', 'compare_networks', 'web',
)  # fmt: skip
REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_installation_is_complete(install_prefix: Path, source_files: list[str]) -> None:
    share = install_prefix / 'share' / 'rtformer_ros'
    marker = install_prefix / 'share/ament_index/resource_index/packages/rtformer_ros'
    assert marker.is_file()
    expected = {
        name
        for name in source_files
        if name.split('/')[0] in ('launch', 'config', 'models', 'samples', 'package.xml')
    }
    assert {
        'package.xml', 'launch/seg.launch.py', 'launch/demo.launch.py', 'config/seg.yaml',
        'config/seg.rviz', 'config/fastdds_large_images.xml', 'config/labels/camvid.yaml',
        'samples/leuven_a.jpg', 'launch/nav2.launch.py', 'config/compat/isaac_ros.yaml',
        'config/nav2_semantic_layer.yaml', 'config/foxglove_layout.json',
    } <= expected  # fmt: skip
    assert any(name.startswith('models/') for name in expected)
    for name in expected:
        assert (share / name).read_bytes() == (REPOSITORY / name).read_bytes(), name
    installed = {path.name for path in (install_prefix / 'lib' / 'rtformer_ros').iterdir()}
    assert installed == set(EXECUTABLES)
    [package] = install_prefix.glob('lib/python3*/site-packages/rtformer_ros')
    modules = {name for name in source_files if re.match(r'rtformer_ros/.*\.py$', name)}
    assert modules == {
        f'rtformer_ros/{path.relative_to(package)}' for path in package.rglob('*.py')
    }
    page = [name for name in source_files if name.startswith('rtformer_ros/ros/web/page/')]
    assert 'rtformer_ros/ros/web/page/index.html' in page
    for name in page:
        installed_file = package.parent / name
        assert installed_file.read_bytes() == (REPOSITORY / name).read_bytes(), name


def test_every_executable_leads_to_a_main(install_prefix: Path) -> None:
    [package] = install_prefix.glob('lib/python3*/site-packages/rtformer_ros')
    [entry_points] = package.parent.glob('rtformer_ros-*.egg-info/entry_points.txt')
    targets = dict(re.findall(r'^(\w+) = (\S+)$', entry_points.read_text(), re.MULTILINE))
    assert set(targets) == set(EXECUTABLES)
    for target in targets.values():
        module, function = target.split(':')
        file = package.parent / f'{module.replace(".", "/")}.py'
        names = [
            n.name for n in ast.parse(file.read_text()).body if isinstance(n, ast.FunctionDef)
        ]
        assert function in names, target


def test_the_installed_node_runs_from_the_installed_files(
    install_prefix: Path, installed_environment: dict[str, str], tmp_path: Path
) -> None:
    executable = install_prefix / 'lib' / 'rtformer_ros' / 'segmentation_node'
    assert executable.read_text().splitlines()[0] == '#!/usr/bin/env python3'
    env = installed_environment
    done = subprocess.run(
        [executable, '--ros-args', '-p', 'engine:=no_engine'],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'no_engine' in done.stdout + done.stderr
    code = (
        'import rtformer_ros\n'
        'from rtformer_ros.files.packaged_files import find_model, find_labels\n'
        'print(rtformer_ros.__file__, find_model(""), find_labels("camvid"))'
    )
    found = subprocess.run(
        ['python3', '-c', code],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(install_prefix)) for path in found.stdout.split())


def test_package_xml_is_valid_and_complete() -> None:
    parsing = pytest.importorskip('catkin_pkg.package', reason='catkin_pkg is not installed')
    warnings: list[str] = []
    package = parsing.parse_package(str(REPOSITORY / 'package.xml'), warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == []
    assert package.package_format == 3
    assert package.get_build_type() == 'ament_python'
    assert [(each, (REPOSITORY / each.file).is_file()) for each in package.licenses] == [
        ('Apache-2.0', True),
        ('LicenseRef-CamVid-research-and-non-commercial', True),
    ]
    assert {url.type for url in package.urls} == {'website', 'repository', 'bugtracker'}
    used = set()
    for path in [*REPOSITORY.glob('rtformer_ros/ros/**/*.py'), *REPOSITORY.glob('launch/*.py')]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                used.add((node.module or '').split('.')[0])
            elif isinstance(node, ast.Import):
                used |= {alias.name.split('.')[0] for alias in node.names}
    ros = {
        name for name in used
        if name.endswith(('_msgs', '_interfaces'))
        or name in ('rclpy', 'cv_bridge', 'launch', 'launch_ros', 'ament_index_python')
    }  # fmt: skip
    assert ros <= {dependency.name for dependency in package.exec_depends}


def test_the_version_is_the_same_everywhere() -> None:
    import rtformer_ros

    version = rtformer_ros.__version__
    assert f'<version>{version}</version>' in (REPOSITORY / 'package.xml').read_text()
    done = subprocess.run(
        [sys.executable, 'setup.py', '--version'],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == version
    changelog = (REPOSITORY / 'CHANGELOG.rst').read_text()
    headings = re.findall(r'^(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$', changelog, re.M)
    citation = (REPOSITORY / 'CITATION.cff').read_text()
    assert headings[0] == (version, re.search(r'^date-released: (.*)$', citation, re.M)[1])
    assert f'\nversion: {version}\n' in citation


def test_the_parameter_file_holds_every_parameter_with_its_default() -> None:
    yaml = pytest.importorskip('yaml')
    pytest.importorskip('rclpy', reason='ROS 2 is not installed')
    from rtformer_ros.ros.interface.parameters import SPECS

    document = yaml.safe_load((REPOSITORY / 'config' / 'seg.yaml').read_text())
    values = document['/**']['ros__parameters']
    assert values == {name: spec.ros_default for name, spec in SPECS.items()}
    assert {name: type(value) for name, value in values.items()} == {
        name: type(spec.ros_default) for name, spec in SPECS.items()
    }
