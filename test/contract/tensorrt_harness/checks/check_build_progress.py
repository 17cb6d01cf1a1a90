# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hear of a build and call it off, as each version of TensorRT has its progress monitor."""

from pathlib import Path
import threading
import time

import pytest
from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.build.builder import build_plan
from rtformer_ros.errors import EngineBuildCancelled


class Listener:
    """A watch that keeps what it hears, and calls the build off once `cancel` is set."""

    def __init__(self):
        self.heard, self.cancel = [], threading.Event()
        self.watch = BuildWatch(self.heard.append, self.cancel.is_set)

    def wait_for(self, is_enough):
        """Wait until what was heard is enough."""
        for _ in range(1000):
            if is_enough(self.heard):
                return
            time.sleep(0.02)
        raise AssertionError(f'that was not all: {self.heard}')


def build(watch):
    return build_plan(Path('/models/street.onnx'), 'fp16', BuildOptions(), watch)


def test_progress_is_told(stand_ins, network, is_typed):
    listener = Listener()

    def compile_(builder, network, config):
        if is_typed:
            monitor = config.progress_monitor
            stand_ins.call_back(monitor, 'phase_start', 'A', None, 4)
            stand_ins.call_back(monitor, 'step_complete', 'A', 0)
            stand_ins.call_back(monitor, 'phase_start', 'B', 'A', 2)
            assert stand_ins.call_back(monitor, 'step_complete', 'B', 0) is True
        last = 'B' if is_typed else 'compiling'
        listener.wait_for(lambda heard: heard[-1].phase == last)
        return stand_ins.memory(b'the plan')

    stand_ins.answer('Builder.build_serialized_network', compile_)
    build(listener.watch)
    phases = [progress.phase for progress in listener.heard]
    assert [p for p in phases if p in ('compiling', 'B')]
    percents = [progress.percent for progress in listener.heard]
    assert percents == sorted(percents)
    if is_typed:
        [percent, *_] = [p.percent for p in listener.heard if p.phase == 'B']
        assert percent == pytest.approx(100 * (1 + 1 / 2) / 4)


def test_a_build_is_called_off(stand_ins, network, is_typed):
    listener = Listener()

    def compile_(builder, network, config):
        listener.cancel.set()
        known = len(listener.heard) + 2  # the watch is asked after each report
        listener.wait_for(lambda heard: len(heard) >= known)
        if not is_typed:
            return stand_ins.memory(b'the plan')
        monitor = config.progress_monitor
        assert stand_ins.call_back(monitor, 'step_complete', 'A', 0) is False
        return None

    stand_ins.answer('Builder.build_serialized_network', compile_)
    with pytest.raises(EngineBuildCancelled, match=r'street\.onnx was called off'):
        build(listener.watch)


def test_a_watch_that_fails_ends_the_build(stand_ins, network, is_typed):
    """Nothing is raised in TensorRT's threads: that would end the process."""

    def report(progress):
        raise ZeroDivisionError(progress.phase)

    with pytest.raises(ZeroDivisionError, match='starting'):
        build(BuildWatch(report))
