# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Prepare the Python environment of this clone, then run a command in it.

    python3 scripts/environment.py {demo,test} [COMMAND ...]

`demo` is what the node, the tools and the demo need, `test` adds PyTorch and the checks. The
environment is the folder .venv (.venv-DISTRO where a ROS 2 installation is sourced, which is then
used instead of the ROS 2 wheels). A second call finds everything in place and costs nothing; one
that was broken off, or whose clone was moved, is made anew. Needs only Python's own library.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
import fcntl
import hashlib
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from interpreters import choose, find_interpreters, Interpreter, probe, PYTHONS, sourced_distro
from remedies import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]

PROFILES = {
    'demo': ('runtime', 'ros-jazzy', 'demo'),
    'smoke': ('runtime', 'ros-jazzy', 'demo', 'smoke'),
    'test': ('runtime', 'ros-jazzy', 'demo', 'smoke', 'test'),
}
ROS_WHEELS = 'ros-jazzy'

# The ROS 2 wheels set this once they have found their libraries; a child that inherits it from
# another environment does not look for its own.
BOOTSTRAP_MARK = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'


@dataclass
class State:
    """What was installed into the folder; kept in it as setup.json."""

    folder: str
    busy: bool = False
    python: str = ''
    installed: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Prepare the profile named first; become the command that follows, if any."""
    if not arguments or arguments[0] not in PROFILES:
        print(__doc__, file=sys.stderr)
        return 2
    profile, command = arguments[0], list(arguments[1:])
    env = clean_environment(os.environ)
    try:
        with only_one(ROOT):
            venv = prepare(ROOT, profile, env)
        if command:
            os.chdir(ROOT)
            os.execvpe(command[0], command, activated(env, ROOT, venv))
    except SetupError as error:
        print(f'\n{error}\n', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    say(f'{venv.name} has all that {profile} needs')
    return 0


def say(text: str) -> None:
    """Tell the user what happens, apart from what commands print."""
    print(f'setup: {text}', file=sys.stderr, flush=True)


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return a copy without what would lead a new interpreter to another one's libraries."""
    return {key: value for key, value in env.items() if key not in (BOOTSTRAP_MARK, 'PYTHONHOME')}


def activated(env: Mapping[str, str], root: Path, venv: Path) -> dict[str, str]:
    """Return the environment of commands that run in the venv, with this clone importable."""
    inside = dict(env, VIRTUAL_ENV=str(venv))
    inside['PATH'] = os.pathsep.join([str(venv / 'bin'), env.get('PATH', os.defpath)])
    paths = [str(root), *filter(None, [env.get('PYTHONPATH')])]
    inside['PYTHONPATH'] = os.pathsep.join(paths)
    if not env.get('HOME') and not env.get('ROS_LOG_DIR'):
        inside['ROS_LOG_DIR'] = str(root / 'log')
    return inside


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Let a second set-up of the same clone wait for the first."""
    handle = os.open(root / 'requirements', os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def prepare(root: Path, profile: str, env: Mapping[str, str]) -> Path:
    """Make or complete the environment of a profile and return its folder; raises SetupError."""
    distro = sourced_distro(env)
    venv = root / ('.venv' if distro is None else f'.venv-{distro}')
    state = read_state(venv)
    requested = env.get('PYTHON', '')
    wanted = digests(root, distro)
    is_current = is_sound(state, venv) and requested in ('', state.python)
    if is_current and state.installed.get(profile) == wanted[profile]:
        return venv
    if not is_current:
        interpreter = choose(find_interpreters(env), distro, requested)
        if not is_adoptable(venv, state, interpreter, env, requested):
            create(venv, interpreter, distro, env)
            state = State(str(venv), busy=True)
    state.python = requested or state.python
    install(root, venv, state, requirement_files(profile, distro), env)
    for name, files in PROFILES.items():
        if set(files) <= set(PROFILES[profile]):
            state.installed[name] = wanted[name]
    write_state(venv, state)
    return venv


def read_state(venv: Path) -> State:
    """Return what is known of the folder; an empty state if nothing is."""
    try:
        return State(**json.loads((venv / 'setup.json').read_text(encoding='utf-8')))
    except (OSError, ValueError, TypeError):
        return State(folder='')


def write_state(venv: Path, state: State) -> None:
    """Keep the state, whole or not at all."""
    draft = venv / 'setup.json.new'
    draft.write_text(json.dumps(asdict(state), indent=1), encoding='utf-8')
    draft.replace(venv / 'setup.json')


def is_sound(state: State, venv: Path) -> bool:
    """Tell whether the folder was left complete, at this place, and its Python still exists."""
    return state.folder == str(venv) and not state.busy and (venv / 'bin' / 'python').exists()


def is_adoptable(
    venv: Path, state: State, wanted: Interpreter, env: Mapping[str, str], requested: str
) -> bool:
    """Tell whether to go on with the folder: it is sound, or a user made it and it serves."""
    if state.folder and not is_sound(state, venv):
        return False
    present = probe(str(venv / 'bin' / 'python'), env)
    if present is None or present.version not in PYTHONS:
        return False
    if requested and present.version != wanted.version:
        return False
    pip = [str(venv / 'bin' / 'python'), '-m', 'pip', '--version']
    return subprocess.run(pip, env=dict(env), capture_output=True, check=False).returncode == 0


def create(
    venv: Path, interpreter: Interpreter, distro: str | None, env: Mapping[str, str]
) -> None:
    """Make the folder anew. A sourced ROS brings libraries of the system's Python along."""
    say(f'making {venv.name} with {interpreter.executable} ({interpreter.name})')
    removed = venv.with_name(f'{venv.name}.removed')
    shutil.rmtree(removed, ignore_errors=True)
    if venv.exists():
        venv.rename(removed)  # at once, so that a broken-off removal leaves no half environment
        shutil.rmtree(removed, ignore_errors=True)
    venv.mkdir()
    write_state(venv, State(str(venv), busy=True))
    options = [] if distro is None else ['--system-site-packages']
    command = [interpreter.executable, '-m', 'venv', *options, str(venv)]
    run(command, env, f'{interpreter.executable} could not make {venv}')


def requirement_files(profile: str, distro: str | None) -> list[str]:
    """Return the names of the requirement files; a sourced ROS needs no wheels."""
    return [name for name in PROFILES[profile] if distro is None or name != ROS_WHEELS]


def digests(root: Path, distro: str | None) -> dict[str, str]:
    """Return for each profile a hash over what its requirement files say."""
    result = {}
    for profile in PROFILES:
        names = [*requirement_files(profile, distro), 'constraints']
        texts = [(root / 'requirements' / f'{name}.txt').read_bytes() for name in names]
        result[profile] = hashlib.sha256(b'\0'.join(texts)).hexdigest()
    return result


def install(
    root: Path, venv: Path, state: State, names: Sequence[str], env: Mapping[str, str]
) -> None:
    """Install requirement files; a failure leaves the folder as it was, raises SetupError."""
    say(f'installing {", ".join(names)} into {venv.name}')
    if 'test' in names:
        say(
            "PyTorch comes from where pip's settings point. On x86-64 its usual build holds CUDA "
            '(several GB): set PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS to CPU wheels for a small one'
        )
    files = [part for name in names for part in ('-r', str(root / 'requirements' / f'{name}.txt'))]
    pip = [str(venv / 'bin' / 'python'), '-m', 'pip', '--no-input', '--disable-pip-version-check']
    state.folder, state.busy = str(venv), True
    write_state(venv, state)
    try:
        run(
            [*pip, 'install', '--no-user', *files],
            env,
            "pip failed, see above. Behind a proxy or a mirror set pip's own variables "
            '(PIP_PROXY, PIP_INDEX_URL); the same command goes on from here',
        )
    except SetupError:
        state.busy = False
        write_state(venv, state)
        raise
    state.busy = False


def run(command: Sequence[str], env: Mapping[str, str], failure: str) -> None:
    """Run a command with its output on stderr; raises SetupError with the failure's text."""
    done = subprocess.run(command, env=dict(env), stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SetupError(f'{failure} (exit code {done.returncode}).')


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
