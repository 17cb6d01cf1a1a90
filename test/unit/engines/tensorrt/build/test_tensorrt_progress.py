# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Progress of a build: the arithmetic of nested phases, and when a caller hears of it."""

import threading

import pytest
from rtformer_ros.engines.request import BuildWatch
from rtformer_ros.engines.tensorrt.build.progress import BuildReporter, PhaseTree
from rtformer_ros.engines.tensorrt.messages import MessageLog


def test_nothing_runs():
    assert PhaseTree().state() == ('', 0.0)


def test_steps_of_nested_phases_are_parts_of_steps():
    tree = PhaseTree()
    tree.start('outer', None, 4)
    assert tree.state() == ('outer', 0)
    tree.step('outer', 0)
    tree.start('middle', 'outer', 2)
    tree.start('inner', 'middle', 5)
    tree.step('inner', 2)
    assert tree.state() == ('inner', pytest.approx(100 * (1 + (0 + 3 / 5) / 2) / 4))
    tree.finish('inner')
    tree.step('middle', 0)
    assert tree.state() == ('middle', pytest.approx(100 * (1 + 1 / 2) / 4))
    tree.finish('middle')
    tree.finish('outer')
    assert tree.state() == ('', 0.0)


def test_a_whole_build_goes_from_0_to_99_and_never_back():
    """Two levels of phases of different lengths, with every step counted."""
    tree, heard = PhaseTree(), []
    tree.start('all', None, 7)
    for part in range(7):
        steps = part % 3 + 1
        tree.start(f'part {part}', 'all', steps)
        for step in range(steps):
            tree.step(f'part {part}', step)
            heard.append(tree.state()[1])
        tree.finish(f'part {part}')
        tree.step('all', part)
        heard.append(tree.state()[1])
    assert heard == sorted(heard)
    assert heard[0] == pytest.approx(100 / 7)
    assert heard[-1] == 99


def test_what_tensorrt_may_say_besides_does_no_harm():
    tree = PhaseTree()
    tree.step('unknown', 3)
    tree.finish('unknown')
    tree.start('empty', 'unknown', 0)
    tree.step('empty', 9)
    assert tree.state() == ('empty', 99)
    tree.start('again', 'empty', 2)
    tree.start('again', 'again', 2)
    tree.finish('again')
    assert tree.state()[0] == 'again'


def test_phases_of_several_threads_are_counted():
    tree = PhaseTree()
    tree.start('all', None, 4000)

    def work(first):
        for step in range(first, 4000, 4):
            tree.start(f'{step}', 'all', 1)
            tree.step(f'{step}', 0)
            tree.finish(f'{step}')
            tree.step('all', step)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tree.state() == ('all', 99)


def test_a_silent_build_is_reported_all_the_same():
    heard, enough = [], threading.Event()

    def report(progress):
        heard.append(progress)
        if len(heard) >= 4:
            enough.set()

    reporter = BuildReporter(BuildWatch(report), interval_s=0.01)
    with reporter.running():
        reporter.advance('compiling', 40)
        assert enough.wait(20)
        reporter.advance('compiling', 30)
    assert heard[-1].phase == 'compiling'
    assert heard[-1].percent == 40  # never back
    elapsed = [each.elapsed_s for each in heard]
    assert elapsed == sorted(elapsed)
    assert 'build progress' not in {thread.name for thread in threading.enumerate()}


def test_a_watch_that_fails_wins_over_what_follows_from_it():
    asked = threading.Event()

    def fail():
        asked.set()
        raise KeyError('the caller')

    reporter = BuildReporter(BuildWatch(is_cancelled=fail), interval_s=0.01)

    def build():
        with reporter.running():
            assert asked.wait(20)
            raise RuntimeError('the build ended early')

    with pytest.raises(KeyError, match='the caller'):
        build()
    assert reporter.is_cancelled


def test_the_first_errors_are_kept_and_the_last_warnings():
    log = MessageLog()
    assert log.reason() == 'TensorRT says: nothing'
    for index in range(300):
        log.add(f'warning {index}\n', is_error=False)
    assert log.reason() == 'TensorRT says: ' + ' | '.join(f'warning {i}' for i in range(295, 300))
    for index in range(300):
        log.add(f'error {index}', is_error=True)
    assert log.reason() == 'TensorRT says: ' + ' | '.join(f'error {i}' for i in range(5))
    assert (len(log.errors), len(log.warnings)) == (100, 100)
