# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests, and a ROS domain that other tests, users and robots do not hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import fcntl
from functools import cache
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plan_workbench import Workbench
    from rtformer_ros.engines.tensorrt.build.find_or_build import PreparedPlan

REPOSITORY = Path(__file__).resolve().parents[1]
OPENVINO_TESTS = REPOSITORY / 'test' / 'unit' / 'engines' / 'openvino'
ARCHITECTURE_TESTS = REPOSITORY / 'test' / 'unit' / 'test_architecture.py'
# Above 101 the ports of a domain meet those that Linux hands out; the demo takes 50 to 99.
_DOMAIN_IDS = range(1, 50)
_LONGEST_VALUE = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer OpenVINO to the tests' own process; `make test` does so in a run of its own."""
    parser.addoption('--openvino', action='store_true', help='load OpenVINO into this process')


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder whose modules import OpenVINO to the run that offers it, and no others."""
    if config.getoption('--openvino'):
        is_left = collection_path.suffix == '.py' and not _names_openvino(collection_path)
    else:
        is_left = collection_path == OPENVINO_TESTS
    return True if is_left else None


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Leave long values out of the names of tests, which workers send with every report."""
    is_long = isinstance(val, str | bytes) and len(val) > _LONGEST_VALUE
    return argname if is_long else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests that name OpenVINO with --openvino, and all others without."""
    is_wanted = config.getoption('--openvino')
    others = [item for item in items if _is_of_openvino(item) != is_wanted]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if _is_of_openvino(item) == is_wanted]


def _is_of_openvino(item: pytest.Item) -> bool:
    # A name of a file among a test's parameters is not enough: nothing is loaded for it.
    return 'openvino' in item.nodeid and _names_openvino(item.path)


@cache
def _names_openvino(path: Path) -> bool:
    return path != ARCHITECTURE_TESTS and 'openvino' in path.read_text(encoding='utf-8').lower()


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any test module imports ROS."""
    config.pluginmanager.import_plugin('session_processes')
    if not config.getoption('--openvino'):
        # Its threads beside those of PyTorch and ONNX Runtime in one process, which then forks,
        # have crashed it. Nodes and tools that tests start load it as users' do.
        sys.modules['openvino'] = None  # type: ignore[assignment]
    # Several workers share few cores, where threads that wait for each other cost more than they
    # bring: they spin. Tests that want more say so.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    # A shell lets commands in its background ignore Ctrl-C, and what they start inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    lock, domain_id = _take_domain()
    config.add_cleanup(lambda: os.close(lock))
    logs = tempfile.TemporaryDirectory(prefix='rtformer_ros_log_')
    config.add_cleanup(logs.cleanup)
    os.environ['ROS_DOMAIN_ID'] = str(domain_id)
    os.environ['ROS_LOG_DIR'] = logs.name
    # What engines keep between starts stays out of the user's cache.
    home = tempfile.TemporaryDirectory(prefix='rtformer_ros_home_')
    config.add_cleanup(home.cleanup)
    os.environ['ROS_HOME'] = home.name
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        os.environ.pop('ROS_LOCALHOST_ONLY', None)
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let PyTorch draw the same numbers whichever tests the same worker has run before."""
    torch = sys.modules.get('torch')
    if torch is not None:
        torch.manual_seed(0)


def _take_domain() -> tuple[int, int]:
    """Return the lock and the number of a domain that no other run of these tests has."""
    folder = Path(tempfile.gettempdir())
    for domain_id in _DOMAIN_IDS:
        path = folder / f'rtformer_ros_test_domain_{domain_id}.lock'
        try:
            lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except PermissionError:  # another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return lock, domain_id
    raise RuntimeError(f'all of {len(_DOMAIN_IDS)} ROS domains are taken by other test runs')


class Child:
    """A process outside the source tree; its output goes to a file and it ends with the test."""

    def __init__(self, command: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        with log.open('wb') as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=log.parent,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors='replace')

    def interrupt(self, timeout_s: float = 20.0) -> int:
        """Send SIGINT to this process alone and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """End it and what it started."""
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(3)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


@pytest.fixture(scope='session')
def repository() -> Path:
    """Return the root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope='session')
def street_photo() -> Path:
    """Return a photograph of a street, 8-bit RGB."""
    return REPOSITORY / 'samples' / 'leuven_a.jpg'


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Return a function that starts a command; all are killed and shown when the test ends."""
    children: list[Child] = []

    def start(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Child:
        child = Child(command, tmp_path / f'child_{len(children)}.log', env or os.environ)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        print(f'--- output of {child.process.args}\n{child.output}')


@pytest.fixture(scope='session')
def source_files() -> list[str]:
    """Return all files of the source tree that are not ignored, as a clone has them."""
    if (REPOSITORY / '.git').exists():
        command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z']
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return [name for name in done.stdout.split('\0') if (REPOSITORY / name).is_file()]
    found = (path.relative_to(REPOSITORY) for path in REPOSITORY.rglob('*') if path.is_file())
    return [str(path) for path in found if not path.parts[0].startswith('.venv')]


@pytest.fixture(scope='session')
def install_prefix(source_files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a copy of the package with colcon; return the prefix that it was installed under."""
    workspace = tmp_path_factory.mktemp('workspace')
    for name in source_files:
        target = workspace / 'src' / 'rtformer_ros' / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, target)
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    if shutil.which('colcon', path=path) is None:
        pytest.skip('colcon is not installed: what it installs was not tested')
    env = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    done = subprocess.run(
        ['colcon', 'build', '--packages-select', 'rtformer_ros'],
        cwd=workspace,
        env={**env, 'PATH': path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace / 'install' / 'rtformer_ros'


@pytest.fixture(scope='session')
def installed_environment(install_prefix: Path) -> dict[str, str]:
    """Return the environment of a shell in which the workspace is sourced, not the source tree."""
    [site_packages] = install_prefix.glob('lib/python3*/site-packages')
    others = [
        each
        for each in os.environ.get('PYTHONPATH', '').split(os.pathsep)
        if each and Path(each).resolve() != REPOSITORY
    ]
    prefixes = [str(install_prefix), *filter(None, [os.environ.get('AMENT_PREFIX_PATH')])]
    return {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        'PYTHONPATH': os.pathsep.join([str(site_packages), *others]),
        'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
    }


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Return a folder with a small model, where plans are built by a stand-in compiler."""
    return _workbench(tmp_path)


@pytest.fixture(scope='module')
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedPlan:
    """Return a plan that was built, to be put into other caches."""
    return _workbench(tmp_path_factory.mktemp('bench')).prepare()


def _workbench(folder: Path) -> Workbench:
    # Imported here: most tests do without ONNX.
    from plan_workbench import Workbench, write_model

    workbench = Workbench(folder)
    write_model(workbench.model)
    return workbench
