# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Show the whole path: a camera, the segmentation node and a listener, each its own process."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from pathlib import Path
import signal
import sys
import time
from typing import Any

from rtformer_ros.errors import ConfigError, EngineError, RtformerError
from rtformer_ros.media.open_source import losses_of
from rtformer_ros.processes.executables import INTERRUPTED
from rtformer_ros.tools.demo.model import ModelFacts, read_model_facts
from rtformer_ros.tools.demo.options import DemoOptions, parse_options, PITCH, RESULTS
from rtformer_ros.tools.demo.report import demo_table
from rtformer_ros.tools.demo.web import serve_demo
from rtformer_ros.tools.processes import ChildProcesses, isolated_environment, ros_arguments

NODE, CAMERA, LISTENER = 'segmentation_node', 'image_source', 'result_collector'

_MODULES = 'rtformer_ros.ros.programs'
_START_TIMEOUT_S = 20.0
_END_TIMEOUT_S = 10.0
_POLL_S = 0.1
_GROUND_REACH_M = 20.0


def run_demo(options: DemoOptions, facts: ModelFacts) -> dict[str, Any]:
    """
    Run the three processes and return the summary; the results are in the output folder.

    facts: of the model of the options.

    Raises RtformerError when a process fails or no mask comes; no process is left then either.
    """
    environment = isolated_environment(os.environ, options.domain_id, options.output)
    give_up_s = time.monotonic() + _START_TIMEOUT_S + options.seconds + _END_TIMEOUT_S
    with ChildProcesses(options.output, environment) as processes:
        processes.start(LISTENER, f'{_MODULES}.{LISTENER}', _listener_arguments(options, facts))
        processes.start(CAMERA, f'{_MODULES}.{CAMERA}', _camera_arguments(options))
        processes.start(NODE, f'{_MODULES}.{NODE}', _node_arguments(options, facts))
        while processes.exit_code(LISTENER) is None:
            _check_processes(processes)
            if time.monotonic() > give_up_s:
                raise EngineError('the demo takes too long; see the logs in its output folder')
            time.sleep(_POLL_S)
        if processes.exit_code(LISTENER) != 0:
            raise EngineError(processes.failure(LISTENER))
    return _read_summary(options.output)


def _node_arguments(options: DemoOptions, facts: ModelFacts) -> list[str]:
    parameters = {
        'model': str(facts.path),
        'engine': options.engine,
        'diagnostics_period_s': 0.5,
    }
    if options.view == 'planner':
        parameters |= {
            'camera.height_m': options.camera.height_m,
            'camera.pitch_deg': options.camera.pitch_deg,
            'costmap.size_m': 2 * _GROUND_REACH_M,
            'scan.range_max_m': _GROUND_REACH_M,
        }
    return ros_arguments(parameters)


def _camera_arguments(options: DemoOptions) -> list[str]:
    parameters = {
        'source': options.source,
        'topic': options.topic,
        'pan': options.pan,
        'duration_s': options.seconds,
        'wait_for_subscribers': 2,
        'wait_timeout_s': _START_TIMEOUT_S,
    }
    if options.view == 'planner':
        # A projection takes a while to prepare, and each zoom or pan needs another.
        parameters |= {'still': True, 'field_of_view_deg': options.camera.field_of_view_deg}
    return ros_arguments(parameters)


def _listener_arguments(options: DemoOptions, facts: ModelFacts) -> list[str]:
    parameters = {
        'output': str(options.output),
        'class_names': list(facts.class_names) or [''],
        # The camera starts at the latest after its own timeout.
        'start_timeout_s': _START_TIMEOUT_S + _END_TIMEOUT_S / 2,
    }
    topics = ['mask', 'color_mask', 'overlay']
    if options.view == 'planner':
        topics += ['costmap', 'scan']
        # A pitch that was told is not doubted.
        ground_ids = facts.ground_ids if PITCH in options.camera.assumed else ()
        parameters |= {
            'camera.height_m': options.camera.height_m,
            'camera.pitch_deg': options.camera.pitch_deg,
            'camera.note': options.note(),
            'ground_ids': list(ground_ids) or [-1],
        }
    return ros_arguments(parameters, {name: f'{NODE}/{name}' for name in topics})


def _check_processes(processes: ChildProcesses) -> None:
    """Raise EngineError when the node has ended or the camera has failed."""
    if processes.exit_code(NODE) is not None:
        raise EngineError(processes.failure(NODE))
    if processes.exit_code(CAMERA) not in (None, 0):
        raise EngineError(processes.failure(CAMERA))


def _empty_output(folder: Path) -> None:
    """Make the folder, and remove what an earlier run left: it must not pass for this one's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f'cannot use the output folder {folder}: {error}') from error


def _read_summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / 'summary.json').read_text(encoding='utf-8'))
    return summary


def _serve(options: DemoOptions) -> int:
    """Serve the page until Ctrl-C, which is the way to end it."""
    try:
        for loss in losses_of(options.source, options.topic):
            print(loss)
        serve_demo(options)
    except RtformerError as error:
        print(f'demo failed: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('ended')
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns 0 only if masks came."""
    options = parse_options(__doc__ or '', arguments)
    # So that they end the other processes first, as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if options.view == 'web':
        return _serve(options)
    try:
        _empty_output(options.output)
        losses = losses_of(options.source, options.topic)
        facts = read_model_facts(options.model)
        played = options.source or 'the bundled clip'
        print(f'playing {played} for {options.seconds:g} s at most ...', *losses, sep='\n')
        summary = run_demo(options, facts)
    except RtformerError as error:
        print(f'demo failed: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return INTERRUPTED
    print(demo_table(summary))
    if facts.is_untrained:
        print(f'{facts.path.name} is untrained: its weights are random, its classes mean nothing.')
    if options.view == 'planner' and (note := options.note()):
        print(
            f'Distances are only as good as the camera{note}. Say better with '
            "ARGS='--camera-height-m 1.2 --camera-pitch-deg 10 --field-of-view-deg 70'."
        )
    print(f'written: {", ".join(str(options.output / name) for name in options.results)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
