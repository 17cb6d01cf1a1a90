# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Options of `demo`: what is played, by which model, as which picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import os
from pathlib import Path
from typing import Literal, TypeVar

from rtformer_ros.media.open_source import has_calibration

_NumberT = TypeVar('_NumberT', int, float)

View = Literal['pictures', 'planner', 'web']
FIELD_OF_VIEW, PITCH = 'field of view', 'pitch'

# The street of the bundled photograph as a phone at eye level saw it, which looked a little up: by
# the wide angle usual then, the vanishing point of the kerbs and the size of the windows.
_STREET = (63.0, 1.6, -7.0)
_USUAL = (63.0, 1.5, 0.0)


@dataclass(frozen=True)
class DemoCamera:
    """
    Where the camera is and how wide it sees.

    field_of_view_deg: horizontal, for sources without a calibration of their own; height_m: above
    the ground; pitch_deg: positive looks down. assumed: names of those that nobody has told.
    """

    field_of_view_deg: float
    height_m: float
    pitch_deg: float
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class DemoOptions:
    """
    What to show.

    source: as image_source takes it, '' for the bundled clip; topic: the image topic of a bag.
    model: a path or '' for the default; engine: a name or 'auto'; output: folder for the results;
    seconds: how long to play at most; domain_id: the ROS domain that the demo has for itself.
    view: 'planner' shows costmap and scan too; camera: for these. 'web' serves a page on `port` of
    127.0.0.1 until it is ended. pan: over a single picture.
    """

    source: str
    topic: str
    model: str
    engine: str
    output: Path
    seconds: float
    domain_id: int
    view: View
    pan: bool
    port: int
    camera: DemoCamera

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the files that the demo writes."""
        return RESULTS if self.view == 'planner' else RESULTS[1:]

    def note(self) -> str:
        """
        Return what to say beside distances, '' where nothing is assumed.

        Raises ImageError or ConfigError for a bag that cannot be read.
        """
        assumed = list(self.camera.assumed)
        if FIELD_OF_VIEW in assumed and has_calibration(self.source, self.topic):
            assumed.remove(FIELD_OF_VIEW)
        return f'; assumed: {", ".join(assumed)}' if assumed else ''


RESULTS = ('planner.png', 'overlay.mp4', 'overlay.png', 'summary.json')
"""All that a demo may write; the first one only in the view for planners."""


def parse_options(description: str, arguments: Sequence[str] | None) -> DemoOptions:
    """Read the command line; ends the program where it is wrong, as argparse does."""
    parser = _parser(description)
    values = vars(parser.parse_args(arguments))
    if values['pan'] and values['view'] == 'planner':
        parser.error('--pan is for --view pictures: projections need a camera at rest')
    camera = _camera(
        values['source'],
        values.pop('field_of_view_deg'),
        values.pop('camera_height_m'),
        values.pop('camera_pitch_deg'),
    )
    return DemoOptions(**values, camera=camera)


def _camera(
    source: str, field_of_view_deg: float | None, height_m: float | None, pitch_deg: float | None
) -> DemoCamera:
    """Put what is known of the bundled street, or is usual, for what is None."""
    given = {'height': height_m, PITCH: pitch_deg, FIELD_OF_VIEW: field_of_view_deg}
    defaults = _USUAL if source else _STREET
    return DemoCamera(
        defaults[0] if field_of_view_deg is None else field_of_view_deg,
        defaults[1] if height_m is None else height_m,
        defaults[2] if pitch_deg is None else pitch_deg,
        tuple(name for name, value in given.items() if value is None),
    )


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='demo', description=description)
    parser.add_argument(
        '--source',
        default='',
        help='video file, picture, folder of pictures, V4L2 device or ROS 2 bag (default: the '
        'bundled clip)',
    )
    parser.add_argument('--topic', default='', help='image topic of a bag (default: its first)')
    parser.add_argument('--model', default='', help='model file (default: the packaged one)')
    parser.add_argument('--engine', default='auto', help='engine to run it (default: auto)')
    parser.add_argument('--output', type=Path, default=Path('demo_output'), help='results folder')
    parser.add_argument(
        '--seconds', type=_number(0.1, 86400.0), default=25.0, help='longest time to play'
    )
    parser.add_argument(
        '--domain-id',
        type=_number(0, 232),
        default=50 + os.getpid() % 50,
        help='ROS_DOMAIN_ID of the demo, apart from other nodes (default: 50 to 99)',
    )
    parser.add_argument(
        '--view',
        choices=('pictures', 'planner', 'web'),
        default='pictures',
        help='planner: costmap and scan too, of pictures at rest, for planner.png; web: a page to '
        'look at and tune the node, until Ctrl-C',
    )
    parser.add_argument(
        '--port',
        type=_number(0, 65535),
        default=8080,
        help='port of --view web; 0: any free (default: 8080)',
    )
    parser.add_argument(
        '--pan',
        action='store_true',
        help='pan and zoom over a single picture, which is shown as a whole otherwise',
    )
    _add_camera_options(parser)
    return parser


def _add_camera_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('the camera, for --view planner (default: assumed)')
    group.add_argument('--camera-height-m', type=_positive, help='metres above the ground')
    group.add_argument(
        '--camera-pitch-deg', type=_number(-90.0, 90.0), help='degrees; positive looks down'
    )
    group.add_argument(
        '--field-of-view-deg',
        type=_number(1.0, 179.0),
        help='horizontal, in degrees; a bag with a camera_info needs none',
    )


def _number(least: _NumberT, most: _NumberT) -> Callable[[str], _NumberT]:
    """Return what reads a number of the type of two that it lies between."""

    def read(text: str) -> _NumberT:
        try:
            value = type(least)(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f'{text} is no number from {least:g} to {most:g}')
        return value

    return read


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f'{text} is not more than 0')
    return value
