# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever happened to a cached plan, what is given out is the plan that was built for it."""

import hashlib
import json
import os
from pathlib import Path
import signal
import stat
import sys
import time

import numpy as np
import onnx
from plan_workbench import other_machine, TARGET, write_model
from process_state import is_running
import pytest
from rtformer_ros.engines import BuildWatch
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.engines.tensorrt.plans.record import read_record
from rtformer_ros.errors import EngineBuildCancelled, EngineBuildError, EngineBuildNeeded

PROCESS = Path(__file__).parents[4] / 'helpers' / 'plans' / 'plan_process.py'


@pytest.fixture
def start(bench, start_child):
    """Start a process that prepares the bench's plan."""

    def start_(*limit, **script):
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
        command = [sys.executable, PROCESS, bench.folder, json.dumps(script), *limit]
        return start_child(command, environment)

    return start_


def finished(child):
    assert child.process.wait(60) == 0, child.output
    return json.loads(child.output.splitlines()[-1])


def wait_until(condition, what):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f'{what} did not come about')


def test_the_first_start_builds_and_every_later_one_loads(bench, start):
    assert bench.needs_build()
    first = bench.prepare()
    assert (first.is_new, bench.builds()) == (True, ['fp16@3'])
    assert not bench.needs_build()
    later = finished(start())
    assert not later['is_new']
    assert later['sha256'] == hashlib.sha256(first.plan).hexdigest()
    assert later['path'] == str(first.path)
    assert later['loaded'] == []
    assert bench.builds() == ['fp16@3']


def test_the_sidecar_tells_all_that_the_plan_depends_on(bench):
    prepared = bench.prepare(bench.request(build={'workspace_mib': 77, 'max_batch': 2}))
    record = read_record(prepared.path)
    assert record == prepared.record
    assert record.key.onnx_sha256 == hashlib.sha256(bench.model.read_bytes()).hexdigest()
    assert record.key.target == TARGET
    key = record.key
    assert (key.precision, key.workspace_mib, key.optimization_level, key.max_batch) == (
        'fp16', 77, 3, 2,
    )  # fmt: skip
    content = prepared.path.read_bytes()
    assert (record.plan_bytes, record.plan_sha256) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert (record.model_name, record.precision, record.agreement) == ('model.onnx', 'fp16', 1.0)
    metadata = record.metadata()
    assert (metadata.height, metadata.width, metadata.exporter) == (48, 64, 'test')
    assert len(metadata.labels) == 2


def test_the_cache_is_private(bench):
    bench.cache_folder.mkdir(parents=True, mode=0o777)
    bench.cache_folder.chmod(0o777)
    bench.prepare()
    assert stat.S_IMODE(bench.cache_folder.stat().st_mode) == 0o700


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap_sidecar(path):
    sidecar = Path(f'{path}.json')
    data = json.loads(sidecar.read_text())
    data['key']['workspace_mib'] += 1
    sidecar.write_text(json.dumps(data))


def turn_into_link(path):
    path.rename(path.with_name('elsewhere'))
    path.symlink_to(path.with_name('elsewhere'))


DAMAGES = {
    'missing': lambda path: path.unlink(),
    'truncated': lambda path: os.truncate(path, 100),
    'emptied': lambda path: os.truncate(path, 0),
    'tampered': flip_a_byte,
    'longer': lambda path: path.write_bytes(path.read_bytes() + b'\0'),
    'linked': turn_into_link,
    'a folder': lambda path: (path.unlink(), path.mkdir()),
    'a pipe': lambda path: (path.unlink(), os.mkfifo(path)),
    'without sidecar': lambda path: Path(f'{path}.json').unlink(),
    'with half a sidecar': lambda path: os.truncate(f'{path}.json', 200),
    'with an empty sidecar': lambda path: os.truncate(f'{path}.json', 0),
    'with a foreign sidecar': swap_sidecar,
    'with a list for a sidecar': lambda path: Path(f'{path}.json').write_text('[]'),
}


@pytest.mark.parametrize('damage', DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_plan_is_given_to_nobody(tmp_path, prepared, damage):
    cache, record = PlanCache(tmp_path / 'plans'), prepared.record
    path = cache.store(prepared.plan, record)
    assert cache.load(record.key).plan == prepared.plan
    damage(path)
    assert cache.load(record.key) is None
    again = cache.store(prepared.plan, record)
    if path.is_dir():  # what is no plan is not removed, and the new one runs from memory
        assert again is None
    else:
        assert cache.load(record.key).plan == prepared.plan


def test_a_damaged_plan_is_built_again(bench):
    first = bench.prepare()
    flip_a_byte(first.path)
    assert bench.needs_build()
    again = bench.prepare()
    assert (again.is_new, again.plan) == (True, first.plan)
    assert not bench.needs_build()


def test_another_model_machine_or_option_needs_another_plan(bench):
    bench.prepare()
    machines = [
        other_machine(tensorrt_version='10.3.0.27'),
        other_machine(name='Xavier'),
        other_machine(compute_capability='7.2'),
        other_machine(multiprocessors=8),
    ]
    requests = [
        bench.request(build={'workspace_mib': 512}),
        bench.request(build={'optimization_level': 2}),
        bench.request(build={'max_batch': 3}),
        bench.request(precision='fp32'),
        bench.request(network_size=(48, 64)),
    ]
    assert not bench.needs_build()
    assert all(bench.needs_build(target=machine) for machine in machines)
    assert all(bench.needs_build(request) for request in requests)
    write_model(bench.model, bias=1.0)
    assert bench.needs_build()
    write_model(bench.model)
    assert not bench.needs_build()


@pytest.mark.parametrize('words', ['size: 64x48', 'output_name: class_map'])
def test_another_size_or_output_in_the_sidecar_needs_another_plan(bench, words):
    bench.prepare()
    sidecar = bench.model.with_suffix('.yaml')
    before = sidecar.read_text() if sidecar.exists() else ''
    described = before or 'input: {layout: nhwc_uint8}\noutput: class_map_confidence\n'
    sidecar.write_text(f'{described}{words}\n')
    assert bench.needs_build()
    sidecar.write_text(before or described)
    assert not bench.needs_build()
    sidecar.write_text('no description')
    assert not bench.needs_build()


def test_a_plan_for_more_cameras_serves_fewer(bench, caplog):
    for most in (2, 4, 8):
        bench.prepare(bench.request(build={'max_batch': most}))
    three = bench.request(build={'max_batch': 3})
    assert not bench.needs_build(three)
    caplog.set_level('INFO')
    served = bench.prepare(three)
    assert (served.is_new, served.record.key.max_batch) == (False, 4)
    assert 'for up to 4 images a call serves 3; build_engine --batch 3' in caplog.text
    assert bench.prepare(bench.request(build={'max_batch': 2})).record.key.max_batch == 2
    assert bench.needs_build(bench.request(build={'max_batch': 9}))
    assert bench.needs_build(bench.request(build={'max_batch': 3, 'workspace_mib': 512}))
    write_model(bench.model, bias=1.0)
    assert bench.needs_build(three)


def test_a_plan_for_exactly_so_many_images_can_be_asked_for(bench):
    bench.prepare(bench.request(build={'max_batch': 4}))
    exact = bench.prepare(bench.request(build={'max_batch': 3}), is_exact=True)
    assert (exact.is_new, exact.record.key.max_batch) == (True, 3)


def test_who_does_not_wait_hears_that_there_is_no_plan(bench):
    with pytest.raises(EngineBuildNeeded, match=r'plan of model\.onnx has to be built first'):
        bench.prepare(bench.request(may_build=False))
    assert bench.builds() == []
    bench.prepare()
    assert not bench.prepare(bench.request(may_build=False)).is_new
    patient = bench.request('auto', precision='fp32', may_build=False)
    with pytest.raises(EngineBuildError):
        bench.prepare(bench.request('auto', precision='fp32'), wrong=['*'])
    with pytest.raises(EngineBuildError, match='its plan could not be built'):
        bench.prepare(patient)


@pytest.mark.parametrize('name', ['model.onnx.data', 'w', f'{"weights" * 20}.bin'])
def test_weights_beside_the_model_count_as_the_model(bench, name):
    graph = onnx.load(bench.model)
    weights = bench.model.with_name(name)
    onnx.save(graph, bench.model, save_as_external_data=True, location=name, size_threshold=0)
    first = bench.prepare()
    assert not bench.needs_build()
    content = weights.read_bytes()
    brighter = np.array([100, -100], np.float32).tobytes()
    weights.write_bytes(content.replace(np.array([127.5, -127.5], np.float32).tobytes(), brighter))
    assert weights.read_bytes() != content
    again = bench.prepare()
    assert again.is_new
    assert again.plan != first.plan


def test_a_model_that_changes_while_it_is_compiled_gives_no_plan(bench):
    go = bench.folder / 'go'

    def report(progress):
        if bench.builds() and not go.exists():
            write_model(bench.model, bias=9.0)
            go.touch()

    request = bench.request(watch=BuildWatch(report))
    with pytest.raises(EngineBuildError, match='changed while it was compiled'):
        bench.prepare(request, wait_for=str(go))
    assert list(bench.cache_folder.glob('*.plan')) == []
    assert bench.prepare().is_new


def test_plans_of_another_user_are_not_run(bench, caplog):
    first = bench.prepare()
    stranger = PlanCache(bench.cache_folder, owner_id=os.geteuid() + 1)
    assert stranger.load(first.record.key) is None
    assert 'belongs to user' in caplog.text
    again = bench.prepare(cache=stranger)
    assert (again.is_new, again.path, again.plan) == (True, None, first.plan)


def test_a_plan_that_another_user_put_there_is_not_run(bench, caplog):
    if os.geteuid() != 0:
        pytest.skip('only root can give a file to another user')
    first = bench.prepare()
    os.chown(first.path, 12345, -1)
    assert bench.prepare().is_new
    assert 'belongs to user 12345' in caplog.text
    assert bench.builds() == ['fp16@3'] * 2


@pytest.fixture
def large_plan(bench):
    """The plan of a model that does not fit on a disk of 100 kB, and an empty cache."""
    model = onnx.load(bench.model)
    model.doc_string = 'long' * 100_000
    onnx.save(model, bench.model)
    plan = bench.prepare().plan
    for path in bench.cache_folder.iterdir():
        path.unlink()
    return plan


def test_a_disk_that_takes_no_plan_leaves_it_in_memory(bench, large_plan, start):
    child = start('100000')
    result = finished(child)
    assert (result['is_new'], result['path']) == (True, 'None')
    assert result['sha256'] == hashlib.sha256(large_plan).hexdigest()
    assert 'set ROS_HOME' in child.output
    assert {path.suffix for path in bench.cache_folder.iterdir()} == {'.lock', '.timing'}
    assert bench.needs_build()


def test_a_kill_while_the_plan_is_written_leaves_nothing_that_is_loaded(bench, large_plan, start):
    child = start('100000', 'dies')
    assert child.process.wait(60) == -signal.SIGXFSZ
    [half] = bench.cache_folder.glob('.*')
    assert half.stat().st_size == 100_000
    assert bench.needs_build()
    assert bench.prepare().plan == large_plan
    assert not bench.needs_build()


def test_a_cache_that_cannot_be_made_leaves_the_plan_in_memory(bench, caplog):
    bench.cache_folder.parent.parent.write_text('a file where a folder should be')
    prepared = bench.prepare()
    assert (prepared.is_new, prepared.path) == (True, None)
    assert 'set ROS_HOME' in caplog.text


def test_two_that_start_at_once_build_once(bench, start):
    go = bench.folder / 'go'
    first = start(wait_for=str(go))
    wait_until(bench.builds, 'the first build')
    second = start(wait_for=str(go))
    wait_until(lambda: 'waiting for another process' in second.output, 'the waiting')
    go.touch()
    results = [finished(first), finished(second)]
    assert [result['is_new'] for result in results] == [True, False]
    assert results[0]['sha256'] == results[1]['sha256']
    assert bench.builds() == ['fp16@3']


def test_a_kill_in_mid_build_leaves_nothing_and_lets_the_next_build(bench, start):
    first = start(wait_for=str(bench.folder / 'never'))
    wait_until(bench.builds, 'the first build')
    second = start()
    wait_until(lambda: 'waiting for another process' in second.output, 'the waiting')
    [compiler_id] = bench.compiler_ids()
    [work_file] = bench.compiled_paths()
    assert work_file.exists()
    first.process.send_signal(signal.SIGKILL)
    assert finished(second)['is_new']
    wait_until(lambda: not is_running(compiler_id), 'the end of the orphaned compiler')
    assert not work_file.parent.exists()
    assert not bench.needs_build()


def test_the_waiting_can_be_called_off(bench, start):
    start(wait_for=str(bench.folder / 'never'))
    wait_until(bench.builds, 'the first build')
    phases = []
    watch = BuildWatch(lambda progress: phases.append(progress.phase), lambda: bool(phases))
    with pytest.raises(EngineBuildCancelled, match='another process'):
        bench.prepare(bench.request(watch=watch))
    assert phases == ['waiting for another process that builds this plan']


def test_a_forced_build_replaces_the_plan(bench):
    first = bench.prepare()
    again = bench.prepare(force=True)
    assert (again.is_new, again.path) == (True, first.path)
    assert bench.builds() == ['fp16@3'] * 2
    # What the first build measured was there for the second.
    assert bench.timing_sizes()[0] == 0
    assert bench.timing_sizes()[1] > 0
