# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Packaged files: models, label sets, samples and configuration that come with the package."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import re

from rtformer_ros.errors import ConfigError, listed, ModelError, quoted, shown, shown_path
from rtformer_ros.files.known_models import (
    fetched_model,
    is_model_name,
    known_models,
    KnownModel,
    models_folder,
    models_list,
)
from rtformer_ros.files.yaml_file import read_yaml

DEFAULT_MODEL = 'models/rtformer_slim_camvid_360x480.onnx'
"""What runs when nobody names a model, relative to the package's share folder."""

WEIGHTS_SUFFIXES = ('.safetensors', '.pdparams')
"""Names of files with the weights of a network that segments end in one of these."""

PLAN_SUFFIXES = ('.engine', '.plan')
"""Names of files with a plan of TensorRT end in one of these."""

_PACKAGE = 'rtformer_ros'
# Best first: what a name without one of these means.
_MODEL_SUFFIXES = ('.onnx', *WEIGHTS_SUFFIXES, *PLAN_SUFFIXES)
# No other variable: an error message would show its value to whoever may set a parameter.
_HOME = re.compile(r'\$(HOME\b|\{HOME\})')


def share_directories() -> list[Path]:
    """
    Return the folders that may hold the package's files, best first.

    A source tree comes before installed ones (AMENT_PREFIX_PATH, as ROS sets it).
    """
    source_tree = Path(__file__).resolve().parents[2]
    candidates = [source_tree] if (source_tree / 'package.xml').is_file() else []
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    candidates += [Path(prefix) / 'share' / _PACKAGE for prefix in prefixes if prefix]
    # lib/pythonX.Y/site-packages/rtformer_ros/ of an install space whose setup was not sourced
    candidates.extend(
        parent / 'share' / _PACKAGE
        for parent in Path(__file__).resolve().parents
        if (parent / 'share' / _PACKAGE).is_dir()
    )
    return candidates


def expanded_path(text: str) -> Path:
    """Return the path that a user means, with ~ and $HOME expanded."""
    path = Path(_HOME.sub(lambda _: str(Path('~').expanduser()), text))
    # Else the home folder of a user who is unknown here.
    with suppress(RuntimeError):
        path = path.expanduser()
    return path


def check_allowed(path: Path, allowed: Sequence[Path], what: str) -> None:
    """
    Raise ConfigError where a path leads out of some folders, links followed; no folders: never.

    The package's own files are always allowed. what: of the message, as 'model'. Nothing tells
    whether there is such a file.
    """
    if not allowed:
        return
    real = Path(os.path.realpath(path))
    for folder in (*allowed, *share_directories()):
        if real.is_relative_to(os.path.realpath(folder)):
            return
    raise ConfigError(
        f'{what} is {shown_path(path)}, outside of allowed_folders; expected it in '
        f'{listed(allowed)}, or a packaged one by its name'
    )


def find_model(text: str, allowed: Sequence[Path] = ()) -> Path:
    """
    Return the model file that a user means.

    text: a path, absolute, from the home folder (~, $HOME), from the current folder or from the
    package's share folder ('models/x.onnx', 'x.onnx' or just 'x'); the name of a known model that
    was fetched, or of a file among the fetched ones; '' means DEFAULT_MODEL.
    allowed: see check_allowed; fetched models lie in models_folder().
    Raises ModelError, naming where was looked, or the command that fetches a known model, and
    ConfigError for a file that is not allowed.
    """
    wanted = text.strip() or DEFAULT_MODEL
    for path in _candidates(wanted, 'models', _MODEL_SUFFIXES, allowed, 'model'):
        if _is_file(path):
            return path
    known = _known(wanted)
    if known is not None and known.is_backbone:
        raise ModelError(
            f'{known.name} is a backbone, which segments nothing by itself; it is for train --init'
        )
    if known is not None:
        check_allowed(models_folder(), allowed, 'the folder of fetched models')
    for path in (*_exported(wanted), *_fetched(wanted, _MODEL_SUFFIXES)):
        if _is_allowed(path, allowed) and _is_file(path):
            return path
    if known is not None:
        raise ModelError(f'the model {known.name} is not here; fetch it: {known.command}')
    raise ModelError(
        f'there is no model file {quoted(wanted)}; looked in {_places(wanted, "models")}. Give an '
        f'absolute path, or leave the model empty for {DEFAULT_MODEL}'
    )


def models_at_hand() -> list[str]:
    """Return the names of packaged and fetched models, as find_model takes them, sorted."""
    folders = [*(share / 'models' for share in share_directories()), models_folder()]
    return sorted(
        {
            path.name
            for folder in folders
            if folder.is_dir()
            for path in folder.iterdir()
            if path.suffix in _MODEL_SUFFIXES and path.is_file()
        }
    )


def find_weights(text: str) -> Path:
    """
    Return the weights that a user means: a path, or the name of packaged or fetched ones.

    Raises ModelError, naming where was looked, or the command that fetches known weights.
    """
    wanted = text.strip()
    packaged = _candidates(wanted, 'models', WEIGHTS_SUFFIXES, (), 'weights')
    for path in (*packaged, *_fetched(wanted, WEIGHTS_SUFFIXES)):
        if _is_file(path):
            return path
    known = _known(wanted)
    if known is not None:
        raise ModelError(f'{known.name} is not here; fetch it: {known.command}')
    raise ModelError(
        f'there are no weights {quoted(wanted)}; looked in {_places(wanted, "models")}. Give the '
        'path of a .safetensors or .pdparams file, or a name that `ros2 run rtformer_ros models` '
        'lists'
    )


def _is_allowed(path: Path, allowed: Sequence[Path]) -> bool:
    try:
        check_allowed(path, allowed, '')
    except ConfigError:
        return False
    return True


def _known(text: str) -> KnownModel | None:
    """Return the known model of a name; None where the list itself is missing or broken."""
    with suppress(ConfigError):
        models = known_models(models_list(share_directories()))
        return next((each for each in models if each.name == text), None)
    return None


def _exported(name: str) -> list[Path]:
    """Return the file that was made last from a fetched model, if any."""
    fetched = None
    # A record that is broken is told by `models get`.
    with suppress(ConfigError):
        fetched = fetched_model(name) if is_model_name(name) else None
    return [models_folder() / fetched.model] if fetched and fetched.model else []


def _fetched(text: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files that a name may mean among the fetched ones."""
    if not is_model_name(text):
        return []
    endings = ('',) if Path(text).suffix in suffixes else suffixes
    return [models_folder() / f'{text}{each}' for each in endings]


def model_licence(model: Path) -> str:
    """
    Return the licence of a model file, '' where nobody says.

    A manifest.yaml beside it, as the packaged models have one, has it under the file's name.
    """
    manifest = model.with_name('manifest.yaml')
    if not _is_file(manifest):
        return ''
    try:
        data = read_yaml(manifest, 'manifest')
    except ConfigError:
        return ''
    entries = data.get('models') if isinstance(data, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get('file') == model.name:
            return shown(str(entry.get('licence', '')))
    return ''


def find_labels(text: str, allowed: Sequence[Path] = ()) -> Path:
    """
    Return the label file that a user means: a path, or the name of a packaged set ('camvid').

    allowed: see check_allowed. Raises ConfigError, naming where was looked.
    """
    return _find_yaml(text, 'config/labels', 'label', allowed)


def find_topic_names(text: str) -> Path:
    """
    Return the file of topic names that a user means: a path, or a packaged one ('isaac_ros').

    Raises ConfigError, naming where was looked.
    """
    return _find_yaml(text, 'config/compat', 'topic name')


def find_split(text: str) -> Path:
    """
    Return the split file that a user means: a path, or a packaged one ('camvid_0001TP').

    Raises ConfigError, naming where was looked.
    """
    return _find_yaml(text, 'config/splits', 'split')


def _find_yaml(text: str, folder: str, kind: str, allowed: Sequence[Path] = ()) -> Path:
    tried = _candidates(text.strip(), folder, ('.yaml',), allowed, f'{kind} file')
    for path in tried:
        if _is_file(path):
            return path
    known = sorted(
        {path.stem for share in share_directories() for path in share.glob(f'{folder}/*.yaml')}
    )
    raise ConfigError(
        f'there is no {kind} file {quoted(text)}; looked in {_places(text.strip(), folder)}. '
        f'Give the path of a YAML file or one of: {", ".join(known)}'
    )


def _candidates(
    text: str, folder: str, suffixes: tuple[str, ...], allowed: Sequence[Path], what: str
) -> list[Path]:
    """
    Return the files that a text may mean, best first; suffixes: what it may leave out.

    Raises ConfigError where none of them is allowed, see check_allowed.
    """
    path = expanded_path(text)
    places = [Path()] if path.is_absolute() else [Path.cwd()]
    if not path.is_absolute():
        places += [place for share in share_directories() for place in (share, share / folder)]
    endings = ('',) if path.suffix in suffixes else ('', *suffixes)
    found, refusal = [], None
    for candidate in (Path(f'{place / path}{ending}') for place in places for ending in endings):
        try:
            check_allowed(candidate, allowed, what)
        except ConfigError as error:
            refusal = refusal or error
        else:
            found.append(candidate)
    if refusal and not found:
        raise refusal
    return found


def _places(text: str, folder: str) -> str:
    """Return where was looked: the path as it was understood, or two folders."""
    path = expanded_path(text)
    if path.is_absolute():
        return shown_path(path)
    packaged = [str(share / folder) for share in share_directories()[:1]]
    return ' and '.join([str(Path.cwd()), *packaged])


def _is_file(path: Path) -> bool:
    """Return whether there is a regular file; False, too, where the name is none or is hidden."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
