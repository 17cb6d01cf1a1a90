# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The set-up of a bare machine: what it picks, what it says, and what it does not do twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / 'scripts'
sys.path.insert(0, str(SCRIPTS))

import environment  # noqa: E402
import interpreters  # noqa: E402
import remedies  # noqa: E402

FITTING = interpreters.Interpreter('/usr/bin/python3', (3, 11), 'x86_64', True, False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone whose requirements are empty, so that pip has nothing to fetch."""
    return bare_clone(tmp_path / 'clone')


@pytest.fixture(scope='module')
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a clone and a copy of it as it was after its set-up, which takes seconds."""
    folder = tmp_path_factory.mktemp('set_up')
    root, copy = bare_clone(folder / 'clone'), folder / 'copy'
    done = run_setup(root, 'demo', PYTHON=base_python())
    assert done.returncode == 0, done.stderr
    shutil.copytree(root, copy, symlinks=True)
    return root, copy


@pytest.fixture
def made_clone(kept: tuple[Path, Path]) -> Path:
    """Return a clone that has been set up for the demo, as if just now and where it is."""
    root, copy = kept
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(copy, root, symlinks=True)
    return root


def bare_clone(root: Path) -> Path:
    (root / 'requirements').mkdir(parents=True)
    for name in ('runtime', 'ros-jazzy', 'demo', 'smoke', 'test', 'constraints'):
        (root / 'requirements' / f'{name}.txt').write_text('# nothing\n')
    (root / 'scripts').mkdir()
    for path in SCRIPTS.glob('*.py'):
        (root / 'scripts' / path.name).write_bytes(path.read_bytes())
    return root


@pytest.fixture
def limited_python(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes an interpreter which differs from this one by some code."""

    def make(code: str) -> Path:
        (tmp_path / 'sitecustomize.py').write_text(code)
        path = tmp_path / 'python3'
        path.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {base_python()} "$@"\n')
        path.chmod(0o755)
        return path

    return make


def base_python() -> str:
    return getattr(sys, '_base_executable', sys.executable)


def clean_env(**more: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ('PATH', 'HOME') if key in os.environ}
    return {**kept, **more}


def run_setup(clone: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [base_python(), 'scripts/environment.py', *arguments],
        cwd=clone, env=clean_env(**env), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_command_runs_in_the_environment_and_the_second_time_nothing_is_made(
    clone: Path,
) -> None:
    code = 'import os, sys; print(sys.prefix, os.getcwd(), os.environ["PYTHONPATH"])'
    first = run_setup(clone, 'demo', 'python', '-c', code, PYTHON=base_python())
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1].split() == [str(clone / '.venv'), str(clone), str(clone)]
    assert 'making .venv' in first.stderr
    second = run_setup(clone, 'demo', PYTHON=base_python())
    assert second.stderr == 'setup: .venv has all that demo needs\n'
    failed = run_setup(clone, 'demo', 'python', '-c', 'raise SystemExit(7)', PYTHON=base_python())
    assert failed.returncode == 7


@pytest.mark.parametrize(
    'harm', ['requirements changed', 'broken off', 'moved', 'interpreter gone', 'profile']
)
def test_what_changed_is_done_again(made_clone: Path, tmp_path: Path, harm: str) -> None:
    clone = made_clone
    state = clone / '.venv' / 'setup.json'
    marker = clone / '.venv' / 'marker'
    marker.touch()
    profile = 'demo'
    if harm == 'requirements changed':
        (clone / 'requirements' / 'demo.txt').write_text('# still nothing\n')
    elif harm == 'broken off':
        state.write_text(json.dumps({**json.loads(state.read_text()), 'busy': True}))
    elif harm == 'moved':
        clone = clone.rename(tmp_path / 'moved clone')
    elif harm == 'interpreter gone':
        (clone / '.venv' / 'bin' / 'python').unlink()
    else:
        profile = 'test'
    done = run_setup(clone, profile, PYTHON=base_python())
    assert done.returncode == 0, done.stderr
    assert 'installing' in done.stderr
    is_kept = harm in ('requirements changed', 'profile')
    assert (clone / '.venv' / 'marker').exists() == is_kept
    assert (done.stderr.count('making .venv') == 0) == is_kept
    again = run_setup(clone, profile, PYTHON=base_python())
    assert again.stderr == f'setup: .venv has all that {profile} needs\n'


def test_a_failed_download_keeps_what_was_there(made_clone: Path) -> None:
    clone = made_clone
    (clone / '.venv' / 'marker').touch()
    requirement = clone / 'requirements' / 'test.txt'
    requirement.write_text(f'{clone}/no_such_wheel-1-py3-none-any.whl\n')
    failed = run_setup(clone, 'test', PYTHON=base_python())
    assert failed.returncode == 1
    assert 'pip failed' in failed.stderr
    requirement.write_text('')
    assert run_setup(clone, 'test', PYTHON=base_python()).returncode == 0
    assert (clone / '.venv' / 'marker').exists()


def test_a_missing_venv_module_names_the_debian_package(
    clone: Path, limited_python: Callable[[str], Path]
) -> None:
    python = limited_python(
        'import importlib.util as u\nfind = u.find_spec\n'
        'u.find_spec = lambda name, *a: None if name == "ensurepip" else find(name, *a)\n'
    )
    done = run_setup(clone, 'demo', PYTHON=str(python))
    major, minor = sys.version_info[:2]
    assert done.returncode == 1
    assert f'    sudo apt-get install python{major}.{minor}-venv\n' in done.stderr
    assert not (clone / '.venv').exists()


def test_aarch64_without_ros_is_told_what_to_type(
    clone: Path, limited_python: Callable[[str], Path]
) -> None:
    python = limited_python('import platform\nplatform.machine = lambda: "aarch64"\n')
    done = run_setup(clone, 'demo', PYTHON=str(python))
    assert done.returncode == 1
    assert 'no ROS 2 wheels for aarch64' in done.stderr
    assert any(word in done.stderr for word in ('apt-get install ros-', 'docker run', 'source /'))


def test_a_python_that_does_not_fit_is_named(clone: Path) -> None:
    done = run_setup(clone, 'demo', PYTHON='/no/such/python')
    assert done.returncode == 1
    assert 'PYTHON=/no/such/python does not serve' in done.stderr
    assert '3.10 to 3.14' in done.stderr


def test_a_sourced_ros_is_used_instead_of_the_wheels(clone: Path, tmp_path: Path) -> None:
    rclpy = pytest.importorskip('rclpy', reason='ROS 2 is not installed')
    # A prefix like /opt/ros/DISTRO: the real rclpy and all that it comes with, on PYTHONPATH.
    site_packages = Path(rclpy.__file__).parents[1]
    ros = {
        'ROS_DISTRO': 'jazzy',
        'AMENT_PREFIX_PATH': str(tmp_path),
        'PYTHONPATH': str(site_packages),
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',
        'LD_LIBRARY_PATH': os.environ.get('LD_LIBRARY_PATH', ''),
        'PYTHON': base_python(),
    }
    (clone / 'requirements' / 'ros-jazzy.txt').write_text('no-such-package==0\n')
    code = 'import rclpy, sys; print(sys.prefix, rclpy.__file__)'
    done = run_setup(clone, 'demo', 'python', '-c', code, **ros)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == [str(clone / '.venv-jazzy'), rclpy.__file__]
    ros['PYTHONPATH'] = ''
    (clone / 'requirements' / 'demo.txt').write_text('# changed\n')
    (clone / '.venv-jazzy' / 'setup.json').unlink()
    nothing = run_setup(clone, 'demo', **ros)
    assert '    sudo apt-get install ros-jazzy-rclpy\n' in nothing.stderr


@pytest.mark.parametrize(
    ('changes', 'distro', 'expected'),
    [
        ({'version': (3, 15)}, None, 'Python 3.10 to 3.14 is needed; found: python3.15'),
        ({'version': (3, 8)}, 'foxy', 'Python 3.10 to 3.14 is needed; found: python3.8'),
        ({'machine': 'aarch64'}, None, 'no ROS 2 wheels for aarch64'),
        ({'has_venv': False}, None, 'sudo apt-get install python3.11-venv'),
        ({}, 'humble', 'sudo apt-get install ros-humble-rclpy'),
    ],
)
def test_what_is_missing_is_said(
    changes: dict[str, object], distro: str | None, expected: str
) -> None:
    with pytest.raises(remedies.SetupError) as error:
        interpreters.choose([replace(FITTING, **changes)], distro, '')
    assert expected in str(error.value)


def test_the_first_interpreter_that_fits_is_taken() -> None:
    new, bare = replace(FITTING, version=(3, 15)), replace(FITTING, has_venv=False)
    assert interpreters.choose([new, bare, FITTING], None, '') == FITTING
    jetson = replace(FITTING, machine='aarch64', has_rclpy=True)
    assert interpreters.choose([jetson], 'humble', '') == jetson


@pytest.mark.parametrize(
    ('system', 'expected'),
    [
        ('ID=ubuntu\nVERSION_ID="22.04"\n', ('ubuntu', '22.04')),
        ('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n', ('debian', '12')),
        ('', ('', '')),
    ],
)
def test_the_system_is_read_from_os_release(
    tmp_path: Path, system: str, expected: tuple[str, str]
) -> None:
    (tmp_path / 'os-release').write_text(system)
    assert remedies.operating_system(tmp_path / 'os-release') == expected


def test_requirements_are_exact_and_the_demo_needs_no_torch() -> None:
    demo = ''.join(
        (REPOSITORY / 'requirements' / f'{name}.txt').read_text()
        for name in environment.PROFILES['demo']
    )
    assert 'torch' not in demo
    for path in (REPOSITORY / 'requirements').glob('*.txt'):
        for line in path.read_text().splitlines():
            assert line.startswith(('#', '-c ', '-r ')) or '==' in line, f'{path.name}: {line}'


@pytest.mark.parametrize('is_there', [True, False])
def test_the_last_line_of_make_test_says_what_was_left_out(is_there: bool, tmp_path: Path) -> None:
    recipe = subprocess.run(
        ['make', '--dry-run', '--no-print-directory', 'test'],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    command = recipe[-1].partition(' test ')[2].split()
    assert command[0] == 'python'
    # Without the paths of this environment, in which there may be a launch system.
    if is_there:
        (tmp_path / 'launch_ros.py').touch()
    done = subprocess.run(
        [base_python(), *command[1:]],
        cwd=REPOSITORY, env=clean_env(PYTHONPATH=str(tmp_path)), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith('launch files not run: ')]
    assert len(said) == (not is_there)
    # There may be one more, of TensorRT-RTX, which this clone has or has not.
    assert done.stdout.count('\n') - len(said) in (0, 1)
