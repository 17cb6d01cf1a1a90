"""Packaged files: models, label sets, samples and configuration that come with the package."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rtformer_ros.errors import ConfigError, ModelError, quoted, shown_path

DEFAULT_MODEL = 'models/rtformer_slim_camvid_360x480.onnx'
"""What runs when nobody names a model, relative to the package's share folder."""

_PACKAGE = 'rtformer_ros'


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


def find_model(text: str) -> Path:
    """
    Return the model file that a user means.

    text: a path, absolute, from the home folder (~), from the current folder or from the
    package's share folder ('models/x.onnx' or just 'x.onnx'); '' means DEFAULT_MODEL.
    Raises ModelError, naming where was looked.
    """
    wanted = text.strip() or DEFAULT_MODEL
    tried = _candidates(wanted, 'models', '')
    for path in tried:
        if _is_file(path):
            return path
    raise ModelError(
        f'there is no model file {quoted(wanted)}; looked for {_listing(tried)}. Give an absolute '
        f'path, or leave the model empty for {DEFAULT_MODEL}'
    )


def find_labels(text: str) -> Path:
    """
    Return the label file that a user means: a path, or the name of a packaged set ('camvid').

    Raises ConfigError, naming where was looked.
    """
    return _find_yaml(text, 'config/labels', 'label')


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


def _find_yaml(text: str, folder: str, kind: str) -> Path:
    tried = _candidates(text.strip(), folder, '.yaml')
    for path in tried:
        if _is_file(path):
            return path
    known = sorted(
        {path.stem for share in share_directories() for path in share.glob(f'{folder}/*.yaml')}
    )
    raise ConfigError(
        f'there is no {kind} file {quoted(text)}; looked for {_listing(tried)}. Give the path of a '
        f'YAML file or one of: {", ".join(known)}'
    )


def _candidates(text: str, folder: str, suffix: str) -> list[Path]:
    path = Path(text)
    # Else the home folder of a user who is unknown here.
    with suppress(RuntimeError):
        path = path.expanduser()
    if path.is_absolute():
        return [path]
    found = [Path.cwd() / path]
    for share in share_directories():
        found += [share / path, share / folder / path]
        if suffix and not path.suffix:
            found.append(share / folder / f'{path}{suffix}')
    return found


def _is_file(path: Path) -> bool:
    """Return whether there is a regular file; False, too, where the name is none or is hidden."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _listing(paths: list[Path]) -> str:
    return ', '.join(map(shown_path, dict.fromkeys(paths)))
