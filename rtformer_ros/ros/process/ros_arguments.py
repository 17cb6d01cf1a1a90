# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of ROS on a command line: which are wrong, and which parameter files fit no node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
import re
import sys
from typing import Any

import rclpy
from rclpy.signals import SignalHandlerOptions
from rtformer_ros.errors import ConfigError, listed, shown, shown_path
from rtformer_ros.files.yaml_file import read_yaml

# Words of ROS's errors -> what is expected there.
_EXPECTED = {
    'params file': "YAML with a node's name or /** over ros__parameters over NAME: VALUE",
    'parameter override': "-p NAME:=VALUE, as in YAML: -p 'cameras:=[front, left]'",
    'log level': 'debug, info, warn, error or fatal, or LOGGER:=LEVEL',
    'remap rule': '-r FROM:=TO; names have letters, digits, _ and /, and no digit first',
    'log directory': 'a folder that can be written; set ROS_LOG_DIR to one',
}
_PLACE_IN_SOURCE = re.compile(r', at \S+:\d+')
_SHOWN_CHARACTERS = 400


def initialise(args: list[str] | None) -> None:
    """Initialise rclpy; raises ConfigError for arguments or a log folder that ROS refuses."""
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    # The errors of rclpy's core are RuntimeErrors of no public name.
    except RuntimeError as error:
        text = shown(_PLACE_IN_SOURCE.sub('', str(error)), _SHOWN_CHARACTERS)
        expected = next((t for words, t in _EXPECTED.items() if words in text), '')
        hint = f'. Expected: {expected}' if expected else ''
        kind = type(error).__name__
        raise ConfigError(f'ROS refuses to start ({kind}): {text}{hint}') from error


def files_for_others(args: Sequence[str] | None, node: str) -> Iterator[str]:
    """
    Yield what to warn of: parameter files of the command line with nothing for the node.

    args: the command line, that of the process where None. node: the full name.
    """
    for path in _parameter_files(sys.argv if args is None else args):
        try:
            blocks = list(_blocks(read_yaml(path, 'parameter file')))
        except ConfigError:
            # ROS has read it, by rules of its own; this is only about hints.
            continue
        if blocks and not any(_fits(block, node) for block in blocks):
            nearest = sorted(blocks, key=lambda name: -SequenceMatcher(None, name, node).ratio())
            yield (
                f'{shown_path(path)} has no parameters for {node}, but for {listed(nearest)}; '
                f'write {node}: or /**: over ros__parameters'
            )


def arguments_without_effect(args: Sequence[str] | None) -> str:
    """
    Return what to warn of: arguments that stand outside of --ros-args; '' where none does.

    args: the command line without the program, that of the process where None.
    """
    given = sys.argv[1:] if args is None else args
    outside = [argument for argument, _, is_for_ros in _arguments(given) if not is_for_ros]
    if not outside:
        return ''
    return (
        f'arguments without effect: {shown(" ".join(outside), _SHOWN_CHARACTERS)}; what a node is '
        'told stands behind --ros-args: --ros-args -p NAME:=VALUE -r FROM:=TO'
    )


def _parameter_files(args: Sequence[str]) -> Iterator[Path]:
    for argument, following, is_for_ros in _arguments(args):
        if is_for_ros and argument == '--params-file' and following:
            yield Path(following)


def _arguments(args: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield each argument, the one behind it, and whether it is one of ROS's."""
    is_for_ros = False
    for argument, following in zip(args, [*args, ''][1:], strict=True):
        if argument == '--ros-args' or (is_for_ros and argument == '--'):
            is_for_ros = argument == '--ros-args'
        else:
            yield argument, following, is_for_ros


def _blocks(data: Any, name: str = '') -> Iterator[str]:
    """Yield the full names of nodes, which may have * and **, that parameters are for."""
    for key, value in data.items() if isinstance(data, dict) else ():
        if key == 'ros__parameters':
            yield name
        else:
            yield from _blocks(value, f'{name}/{key.strip("/")}')


def _fits(block: str, node: str) -> bool:
    wildcards = {'**': r'(/\w+)*', '*': r'/\w+'}
    parts = [wildcards.get(part, f'/{re.escape(part)}') for part in block.split('/')[1:]]
    return re.fullmatch(''.join(parts), node) is not None
